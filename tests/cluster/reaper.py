"""End what a Slurm of the tests leaves when the process that started it is gone, however that ended.

`reaper.py CONF` waits until its standard input, a pipe from that process, is closed. Then it kills whatever
was started with SLURM_CONF=CONF: daemons, their job steps, jobs, and the snakemake that submitted them.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path


def processes(conf: str) -> list[int]:
    """Return the pids of processes that were started with SLURM_CONF=conf, but for our own."""
    mark = f"SLURM_CONF={conf}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def reap(conf: str) -> None:
    """Kill them until none is left; while there are some, they may start others."""
    for _ in range(100):
        found = processes(conf)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    reap(sys.argv[1])
