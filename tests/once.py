"""What is made once for all processes of a test run, such as the workers of pytest-xdist."""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# Name of the environment variable with the folder of a run, which its processes inherit.
_RUN = "PRUNEGRID_TEST_RUN"


def run_folder() -> Path:
    """Return a folder of this test run; it goes with the process that asked first."""
    if _RUN not in os.environ:
        made = Path(tempfile.mkdtemp(prefix="prunegrid-tests-"))
        (made / "pid").write_text(str(os.getpid()))
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        os.environ[_RUN] = str(made)
    return Path(os.environ[_RUN])


def run_process() -> int:
    """Return the process with which the run ends."""
    return int((run_folder() / "pid").read_text())


def once(name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` fills, called by the first process that asks; others wait for it.

    What lies in it is shared, so that tests must not change it.
    """
    folder = run_folder() / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder.with_suffix(".made")
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
