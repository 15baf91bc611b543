"""A sweep on a Dask cluster of three processes, one of which is killed: prints what the merging says.

Arguments: the folder of siglip_dask.py, the program siglip, a sweep, and the folder for its runs.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import siglip_dask
from distributed import Client, LocalCluster

SHARDS = 6


def lines(out):
    """Runs that are finished."""
    files = Path(out, "shards").glob("*.jsonl")
    return sum(max(0, file.read_bytes().count(b"\n") - 1) for file in files)


def kill_a_busy_worker(client, out):
    """When some runs are finished and a task is under way."""
    while lines(out) < 2:
        time.sleep(0.01)
    while not (busy := [worker for worker, tasks in client.processing().items() if tasks]):
        time.sleep(0.01)
    pids = client.run(os.getpid)
    os.kill(pids[busy[0]], signal.SIGKILL)
    print(f"killed {busy[0]} after {lines(out)} runs", file=sys.stderr)


def main():
    _, _, siglip, sweep, out = sys.argv
    with LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        killer = threading.Thread(target=kill_a_busy_worker, args=(client, out))
        killer.start()
        done = []
        command = ["sweep", sweep, "--out", out, "--keep", "summaries"]
        merged = siglip_dask.run(client, command, SHARDS, siglip, progress=lambda *at: done.append(at))
        killer.join()
        assert done[-1] == (SHARDS, SHARDS), done

        # What fails for a reason of its own says so, and is not tried for ever.
        try:
            siglip_dask.run(client, ["sweep", "/no/such.json", "--out", out], 1, siglip)
        except siglip_dask.ShardFailed as error:
            assert "/no/such.json" in str(error), error
        else:
            raise AssertionError("a sweep that is not there was done")
    print(merged, end="")


if __name__ == "__main__":
    main()
