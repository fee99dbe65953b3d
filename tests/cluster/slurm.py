"""A real Slurm with one node on this machine: for any user, without munge and without accounting.

All of its state lies in one folder, it listens on 127.0.0.1 alone, and its GPUs are pretended. It leaves no
process behind, however a test ends.
"""

import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster import reaper

N_GPUS = 4
_PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
_CONFIG = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
# Without these the daemons listen on all addresses.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PlugStackConfig={folder}/plugstack.conf
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
# Finished jobs stay on show: the executor, and the tests, ask for them.
MinJobAge=3600
KillWait=2
JobRequeue=0
ReturnToService=2
# The node has the cores and the memory that are said here.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 Boards=1 SocketsPerBoard=1 CoresPerSocket=16 ThreadsPerCore=1 \
RealMemory=64000 Gres=gpu:{n_gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


class Slurm:
    """A running Slurm; a context manager that stops it.

    Parameters
    ----------
    folder : Path
        Where to keep all of its files.

    Attributes
    ----------
    environment : dict
        What its commands need: `SLURM_CONF`, and `PATH` with a shim for srun and a pretended nvidia-smi.
    devices : list of str
        The pretended GPUs, in the order in which Slurm numbers them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.devices = [f"GPU-pretended-{os.getpid()}-{number}" for number in range(N_GPUS)]
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(folder / "bin"), _PATH]),
        }
        self._daemons: list[subprocess.Popen] = []
        self._reaper: subprocess.Popen | None = None

    def __enter__(self) -> "Slurm":
        try:
            self._configure()
            # It has a session of its own: Ctrl-C reaches the test alone.
            self._reaper = subprocess.Popen(
                [sys.executable, reaper.__file__, self.environment["SLURM_CONF"]],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            # -c: no state from an earlier run. -D: as children of this process, so that their pids are known.
            for daemon in ("slurmctld", "slurmd"):
                self._start(
                    [shutil.which(daemon, path=_PATH), "-D", "-c", "-f", self.environment["SLURM_CONF"]]
                )
            self._wait(
                lambda: self.run("sinfo", "-h", "-o", "%T").split() == ["idle"], "the node is not idle"
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self.run("scancel", "--user", getpass.getuser())
            self._wait(lambda: not self.run("squeue", "-h"), "jobs go on")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        if self._reaper is not None:
            self._reaper.stdin.close()
            self._reaper.wait(30)

    def run(self, *command: str) -> str:
        """Return what one of Slurm's commands prints."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=True
        ).stdout

    def jobs(self) -> list[dict[str, str]]:
        """Return all jobs since the start, the finished ones too, as `scontrol show job` tells them."""
        rows = self.run("scontrol", "--oneliner", "show", "job").splitlines()
        return [dict(re.findall(r"(\S+?)=(\S*)", row)) for row in rows if row.startswith("JobId=")]

    def _configure(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        config = _CONFIG.format(
            folder=self.folder, host=host, ports=_free_ports(2), user=getpass.getuser(), n_gpus=N_GPUS
        )
        (self.folder / "slurm.conf").write_text(config)
        # Devices that have no file drain the node; nothing opens these.
        files = ",".join(["/dev/null", "/dev/zero", "/dev/full", "/dev/random"][:N_GPUS])
        (self.folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={files}\n")
        (self.folder / "plugstack.conf").touch()
        # Inside a job, the executor takes SLURM_CONF away before it calls srun.
        srun = shutil.which("srun", path=_PATH)
        self._script("srun", f'SLURM_CONF={self.environment["SLURM_CONF"]} exec {srun} "$@"')
        self._script(
            "nvidia-smi", *(f"echo {number}, {device}" for number, device in enumerate(self.devices))
        )

    def _script(self, name: str, *lines: str) -> None:
        script = self.folder / "bin" / name
        script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        script.chmod(0o755)

    def _start(self, command: list[str]) -> None:
        log = (self.folder / f"{Path(command[0]).name}.out").open("w")
        with log:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **self.environment},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                )
            )

    def _wait(self, ready, complaint: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(subprocess.CalledProcessError):
                if ready():
                    return
            if time.monotonic() > deadline:
                logs = (
                    f"{log}:\n{log.read_text()[-2000:]}" for log in sorted(self.folder.glob("slurm*.log"))
                )
                raise TimeoutError("\n".join([complaint, *logs]))
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
