"""Runs a long command of `siglip` on a Dask cluster, shard by shard.

Any cluster will do: LocalCluster, dask-jobqueue (Slurm, PBS, LSF, SGE), dask-kubernetes, SSH. Its
workers need the program `siglip` and see the same folders. From a notebook or a script:

    from dask.distributed import Client
    from siglip_dask import run

    run(Client("tcp://scheduler:8786"), ["sweep", "sweep.json", "--out", "runs"], shards=64)

From a shell, on the cluster with this scheduler or on this machine:

    python siglip_dask.py --shards 64 --scheduler tcp://scheduler:8786 -- sweep sweep.json --out runs

Each task is one shard, `siglip ... --shard K/64`, under a name that the dashboard shows. A task whose
worker is lost is begun again elsewhere; at the end `siglip merge` puts the shards together. Begun again
after an interruption, a sweep and an embedding go on after what was finished; a shard of a geometry
begins anew. Relative paths are those of the folder in which this was started.
"""

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys

from distributed import Client, KilledWorker, LocalCluster, as_completed

# Beyond these a task is not begun again: it fails for a reason of its own.
RETRIES = 3


class ShardFailed(RuntimeError):
    """A shard that `siglip` did not finish, with what it said."""


def run(client, command, shards, siglip=None, threads=1, progress=None):
    """Does `siglip COMMAND` in so many shards on the workers of `client`, then merges them.

    `command` is a list of words with `--out`; `siglip` the program, if it is not on the workers' path;
    `threads` what each task uses of a machine, for a sweep that does not say `--threads` itself;
    `progress(done, shards)` is called whenever a shard is over. Returns what `siglip merge` prints.

    Raises ShardFailed for the first shard that failed, or distributed.KilledWorker for one whose workers
    were lost again and again, when all others are done.
    """
    if shards < 1:
        raise ValueError(f"shards is {shards}, expected at least 1")
    program = siglip or "siglip"
    words = [os.fspath(word) for word in command]
    out = out_of(words)
    if words[:1] == ["sweep"] and not any(word.split("=")[0] == "--threads" for word in words):
        words += ["--threads", str(threads)]
    folder = os.getcwd()
    futures = [
        client.submit(
            _shard,
            [program, *words, *(["--shard", f"{number}/{shards}"] if shards > 1 else [])],
            folder,
            key=f"siglip-{words[0]}-{number}-of-{shards}-{os.urandom(4).hex()}",
            retries=RETRIES,
            pure=False,
        )
        for number in range(shards)
    ]
    failure = None
    for done, future in enumerate(as_completed(futures), start=1):
        failure = failure or future.exception()
        if progress is not None:
            progress(done, shards)
    if failure is not None:
        raise failure
    if shards == 1 and words[:1] != ["sweep"]:
        return ""  # one process has written the whole
    return client.submit(_output, [program, "merge", out], folder, pure=False).result()


def out_of(words):
    """What a command says after `--out`."""
    for word, following in zip(words, [*words[1:], None]):
        if word.startswith("--out="):
            return word.removeprefix("--out=")
        if word == "--out" and following is not None:
            return following
    raise ValueError("the command needs `--out`, such as: sweep sweep.json --out runs")


def _shard(command, folder):
    """Runs a shard to its end; what it prints for each run is in its files as well.

    If a process of this shard is still at work, of a client that was lost, `siglip` waits for it where
    the file system has locks, and then finds its runs done.
    """
    _output(command, folder, stdout=subprocess.DEVNULL)


def _output(command, folder, stdout=subprocess.PIPE):
    # A worker that is killed must take the program with it, else two would do one shard.
    end_with_worker = _end_with_parent if sys.platform == "linux" else None
    process = subprocess.Popen(
        command,
        cwd=folder,
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
    try:
        out_of(arguments.command)
    except ValueError as error:
        parser.error(str(error))
    if arguments.shards < 1:
        parser.error(f"--shards is {arguments.shards}, expected at least 1")
    if arguments.siglip is None and arguments.scheduler is None and shutil.which("siglip") is None:
        parser.error("there is no `siglip` on the path: `cargo install --path crates/cli`, or give --siglip")
    cluster = arguments.scheduler or LocalCluster(threads_per_worker=1)
    with Client(cluster) as client:
        print(f"Dashboard: {client.dashboard_link}", file=sys.stderr)
        show = lambda done, shards: print(f"{done} of {shards} shards", file=sys.stderr, flush=True)
        try:
            print(run(client, arguments.command, arguments.shards, arguments.siglip, progress=show), end="")
        except (ShardFailed, KilledWorker) as error:
            sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
