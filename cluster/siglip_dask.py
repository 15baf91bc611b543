"""Runs a long command of `siglip` on a Dask cluster, shard by shard.

Any cluster will do: LocalCluster, dask-jobqueue (Slurm, PBS, LSF, SGE), dask-kubernetes, SSH. Its
workers need the program `siglip` and see the same folders. From a notebook or a script:

    from dask.distributed import Client
    from siglip_dask import run

    run(Client("tcp://scheduler:8786"), ["sweep", "sweep.json", "--out", "runs"], shards=64)

From a shell, on the cluster with this scheduler or on this machine:

    python siglip_dask.py --shards 64 --scheduler tcp://scheduler:8786 -- sweep sweep.json --out runs

Each task is one shard, `siglip ... --shard K/64`, under a name that the dashboard shows. A task whose
worker is lost is begun again elsewhere and goes on after what was finished; at the end `siglip merge`
puts the shards together. Begun again after an interruption, only what is missing is done.
"""

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys

from distributed import Client, LocalCluster, as_completed

# Beyond these a task is not begun again: it fails for a reason of its own.
RETRIES = 3


class ShardFailed(RuntimeError):
    """A shard that `siglip` did not finish, with what it said."""


def run(client, command, shards, siglip=None, threads=1, progress=None):
    """Does `siglip COMMAND` in so many shards on the workers of `client`, then merges them.

    `command` is a list of words with `--out`; `siglip` the program, if it is not on the workers' path;
    `threads` what each task uses of a machine, for a sweep; `progress(done, shards)` is called
    whenever a shard is finished. Returns what `siglip merge` prints.
    """
    program = siglip or "siglip"
    words = [os.fspath(word) for word in command]
    if words[:1] == ["sweep"]:
        words += ["--threads", str(threads)]
    out = words[words.index("--out") + 1]
    futures = [
        client.submit(
            _shard,
            [program, *words, "--shard", f"{number}/{shards}"],
            key=f"siglip-{words[0]}-{number}-of-{shards}-{os.urandom(4).hex()}",
            retries=RETRIES,
            pure=False,
        )
        for number in range(shards)
    ]
    for done, future in enumerate(as_completed(futures), start=1):
        future.result()  # the first failure ends it, and says why
        if progress is not None:
            progress(done, shards)
    return client.submit(_output, [program, "merge", out], pure=False).result()


def _shard(command):
    """Runs a shard to its end; what it prints for each run is in its files as well."""
    _output(command, stdout=subprocess.DEVNULL)


def _output(command, stdout=subprocess.PIPE):
    # A worker that is killed must take the program with it, else two would do one shard.
    end_with_worker = _end_with_parent if sys.platform == "linux" else None
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_worker,
    )
    printed, said = process.communicate()
    if process.returncode != 0:
        lines = said.strip().splitlines()[-5:]
        raise ShardFailed(f"{' '.join(command)}: exit code {process.returncode}\n" + "\n".join(lines))
    return printed


def _end_with_parent():
    """Linux ends a child with its parent if the child asks for it."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, required=True, help="into how many tasks the work is divided")
    parser.add_argument("--scheduler", help="address of a cluster; without it, the cores of this machine")
    parser.add_argument("--siglip", help="the program, if it is not on the workers' path")
    parser.add_argument("command", nargs="+", help="words of the command, after `--`")
    arguments = parser.parse_args()
    if "--out" not in arguments.command:
        parser.error("the command needs `--out`, such as: -- sweep sweep.json --out runs")
    if arguments.siglip is None and arguments.scheduler is None and shutil.which("siglip") is None:
        parser.error("there is no `siglip` on the path: `cargo install --path crates/cli`, or give --siglip")
    cluster = arguments.scheduler or LocalCluster(threads_per_worker=1)
    with Client(cluster) as client:
        print(f"Dashboard: {client.dashboard_link}", file=sys.stderr)
        show = lambda done, shards: print(f"{done} of {shards} shards", file=sys.stderr, flush=True)
        try:
            print(run(client, arguments.command, arguments.shards, arguments.siglip, progress=show), end="")
        except ShardFailed as error:
            sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
