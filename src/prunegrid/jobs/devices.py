"""Device slots: of the jobs that one user runs on a machine, no more hold a GPU than are to share it.

Snakemake counts the GPUs of local jobs but gives no job a number, so all of them would use the first.
Here a job locks one file per device and sees only the devices it has locked. The kernel drops the
locks when the job ends, however it ends.

A job that wants devices for itself locks their files for itself. One that shares them locks the file
together with the others that do, and a file of one of the device's slots for itself.
"""

import fcntl
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product, takewhile
from pathlib import Path

from prunegrid.errors import ConfigError

_LOG = logging.getLogger(__name__)
VISIBLE = "CUDA_VISIBLE_DEVICES"
_JOB = "SLURM_JOB_ID"
# What a driver leaves in /dev: NVIDIA, ROCm, NVIDIA under WSL.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
_WAIT = 0.5  # seconds between two looks at the slots


@contextmanager
def hold_devices(count: int, slots: int = 1) -> Iterator[list[str]]:
    """Hold devices of this machine, or a slot of each, and hide all others, while the context lasts.

    Enter it before anything starts CUDA. Where there is no device, nothing happens. Where too few are
    free, it waits; it never keeps some of several devices while it waits for the others.

    Parameters
    ----------
    count : int
        How many. With 0 all devices are hidden.
    slots : int
        Most jobs that share a device; with 1 a job has its devices to itself.

    Yields
    ------
    list of str
        The devices held, as `CUDA_VISIBLE_DEVICES` then names them.

    Raises
    ------
    ConfigError
        If the machine shows fewer devices than asked for.
    """
    devices = visible_devices()
    if not devices:
        yield []
        return
    if count > len(devices):
        raise ConfigError(
            f"the job asks for {count} GPUs (`gpus` in model_specs), but this machine shows {len(devices)}: "
            f"{', '.join(devices)}"
        )
    before = os.environ.get(VISIBLE)
    with ExitStack() as locks:
        held = _wait_for(count, devices, slots, locks)
        os.environ[VISIBLE] = ",".join(held)
        _LOG.info(f"holds {', '.join(held)}" if held else f"asks for no GPU and sees none of {len(devices)}")
        try:
            yield held
        finally:
            if before is None:
                del os.environ[VISIBLE]
            else:
                os.environ[VISIBLE] = before


def visible_devices() -> list[str]:
    """Return the devices that a job may use, named so that every process names them alike.

    Those are the devices that `nvidia-smi` lists, as UUIDs; of these, where `CUDA_VISIBLE_DEVICES` is set,
    the ones it names, by number in `nvidia-smi`'s order or by UUID. In a Slurm job they are what Slurm gave
    to it. Without `nvidia-smi` they are numbers, as many as torch sees.
    """
    allowed = os.environ.get(VISIBLE)
    if allowed is None and _JOB in os.environ:
        return []
    listed = _listed()
    if listed is None:
        count = _count()
        return allowed.split(",")[:count] if allowed else [str(number) for number in range(count)]
    if allowed is None:
        return list(listed.values())
    # As CUDA reads it: the first name that it does not know, such as -1, ends the list.
    names = (_full_name(name.strip(), listed) or "" for name in allowed.split(","))
    return list(dict.fromkeys(takewhile(bool, names)))


def _full_name(name: str, listed: Mapping[str, str]) -> str | None:
    """Return the UUID of a device given by number or abbreviated; parts of a GPU (MIG) keep their name."""
    if name in listed or name.startswith("MIG-"):
        return listed.get(name, name)
    return next((uuid for uuid in listed.values() if name and uuid.startswith(name)), None)


def _listed() -> dict[str, str] | None:
    """Return number -> UUID of NVIDIA's devices, None where its tool is missing or fails."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=index,uuid", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        return None
    rows = (line.split(",") for line in done.stdout.splitlines() if line.count(",") == 1)
    return {number.strip(): uuid.strip() for number, uuid in rows}


def _count() -> int:
    """Return how many devices torch sees. Asked in a process of its own: to ask may start CUDA."""
    if not any(Path(driver).exists() for driver in _DRIVERS):
        return 0
    ask = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    return int(subprocess.run(ask, capture_output=True, text=True, timeout=300, check=True).stdout)


def _wait_for(count: int, devices: Sequence[str], slots: int, locks: ExitStack) -> list[str]:
    """Lock that many devices, or a slot of each; the locks last as long as `locks`."""
    folder = _folder()
    waited = False
    while True:
        # One process at a time looks for devices. Otherwise two that want two each could take one each,
        # again and again.
        with ExitStack() as gate, ExitStack() as found:
            _lock(folder / "gate", gate, fcntl.LOCK_EX)
            held: list[str] = []
            # The first slots of all devices before the second of any.
            for number, device in product(range(slots), devices):
                wanted = len(held) < count and device not in held
                if wanted and _take(folder / _name(device), number, slots, found):
                    held.append(device)
            if len(held) == count:
                locks.enter_context(found.pop_all())
                return sorted(held, key=devices.index)
        if not waited:
            _LOG.info(
                f"waits until {count} of the GPUs {', '.join(devices)} {'is' if count == 1 else 'are'} free"
            )
            waited = True
        time.sleep(_WAIT)


def _take(path: Path, number: int, slots: int, found: ExitStack) -> bool:
    """Lock a device, or one of several slots of it, until `found` ends; return whether that could be done."""
    if slots == 1:
        return _lock(path, found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with ExitStack() as both:
        shared = _lock(path, both, fcntl.LOCK_SH | fcntl.LOCK_NB)
        own = path.with_name(f"{path.name}.slot-{number}")
        if shared and _lock(own, both, fcntl.LOCK_EX | fcntl.LOCK_NB):
            found.enter_context(both.pop_all())
            return True
    return False


def _folder() -> Path:
    """Return the folder of this user's slots on this machine.

    It does not follow TMPDIR, which may differ between jobs, nor lie with the results, on a disk that
    machines may share.
    """
    folder = Path(f"/tmp/prunegrid-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ConfigError(
            f"{folder}, which holds the locks of GPUs, belongs to someone else: have it removed"
        )
    return folder


def _name(device: str) -> str:
    """Return the name of a device's file; a number means something else in each Slurm job."""
    name = device.replace("/", "_")
    return f"{os.environ.get(_JOB, 'machine')}-{name}" if name.isdigit() else name


def _lock(path: Path, stack: ExitStack, operation: int) -> bool:
    """Lock a file until `stack` ends; return whether that could be done."""
    # Python's descriptors are not inherited by programs that a job starts, so only the job holds the lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        os.close(descriptor)
        return False
    stack.callback(os.close, descriptor)
    return True
