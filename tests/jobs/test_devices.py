"""Jobs on pretended devices: `nvidia-smi` is a script that lists what a test makes up."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from prunegrid.errors import ConfigError
from prunegrid.jobs.devices import VISIBLE, hold_devices, visible_devices

SOURCE = Path(__file__).parents[2] / "src"
TIMEOUT = 60
# A job that marks each of its devices while it has them; to mark a marked one fails, where none is shared.
JOB = """
import os, sys, time
import logging
from prunegrid.jobs.devices import hold_devices

marks, count, seconds, slots = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
own = "" if slots == 1 else f".{os.getpid()}"
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
with hold_devices(count, slots) as held:
    assert len(held) == count
    for device in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
        os.mkdir(f"{marks}/{device}{own}")
    print("holds", *held, flush=True)
    time.sleep(seconds)
    for device in held:
        os.rmdir(f"{marks}/{device}{own}")
"""


class Machine:
    """A machine with pretended devices."""

    def __init__(self, folder: Path, n_devices: int) -> None:
        self.devices = [f"GPU-{uuid.uuid4()}" for _ in range(n_devices)]
        self.marks = folder / "marks"
        self.marks.mkdir()
        rows = "\n".join(f"{number}, {device}" for number, device in enumerate(self.devices))
        tool = folder / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\ncat <<END\n{rows}\nEND\n")
        tool.chmod(0o755)
        path = os.pathsep.join([str(tool.parent), os.environ["PATH"]])
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(SOURCE)}
        for name in (VISIBLE, "SLURM_JOB_ID"):
            self.environment.pop(name, None)
        self.jobs: list[subprocess.Popen] = []

    def start(
        self, count: int = 1, seconds: float = 0.0, slots: int = 1, **environment: str
    ) -> subprocess.Popen:
        job = subprocess.Popen(
            [sys.executable, "-c", JOB, str(self.marks), str(count), str(seconds), str(slots)],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.jobs.append(job)
        return job

    def stop(self) -> None:
        for job in self.jobs:
            if job.poll() is None:
                job.kill()
            job.communicate()


@pytest.fixture
def machine(tmp_path):
    machines = []

    def build(n_devices: int) -> Machine:
        machines.append(Machine(tmp_path, n_devices))
        return machines[0]

    yield build
    for built in machines:
        built.stop()


@pytest.fixture
def here(machine, monkeypatch):
    """Make this process a job on a machine with four devices."""
    built = machine(4)
    monkeypatch.setenv("PATH", built.environment["PATH"])
    for name in (VISIBLE, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return built


def finish(job: subprocess.Popen) -> str:
    output, _ = job.communicate(timeout=TIMEOUT)
    assert job.returncode == 0, output
    return output


def test_jobs_never_share_a_device(machine):
    machine = machine(2)
    outputs = [finish(job) for job in [machine.start(seconds=0.2) for _ in range(7)]]
    held = [output.split("holds ")[1].strip() for output in outputs]
    assert set(held) == set(machine.devices)
    assert any("waits until 1 of the GPUs" in output for output in outputs)
    assert not list(machine.marks.iterdir())


def test_jobs_of_two_devices_take_both_or_none(machine):
    machine = machine(2)
    counts = [2, 1, 2, 1, 2, 2]
    outputs = [finish(job) for job in [machine.start(count, 0.1) for count in counts]]
    assert [len(output.split("holds ")[1].split()) for output in outputs] == counts


def test_as_many_jobs_share_a_device_as_it_has_slots(machine):
    machine = machine(2)
    # One after the other, so that it is known which of them finds what.
    jobs = []
    for _ in range(4):
        jobs.append(machine.start(seconds=TIMEOUT, slots=2))
        jobs[-1].held = jobs[-1].stdout.readline()
    first, second = machine.devices
    assert [job.held for job in jobs] == [f"holds {device}\n" for device in (first, second) * 2]
    fifth, alone = machine.start(slots=2), machine.start()
    for job in (fifth, alone):
        assert "waits until 1" in job.stdout.readline()
    jobs[0].kill()
    assert f"holds {first}\n" in finish(fifth)
    time.sleep(1)
    assert alone.poll() is None, "a job that wants a device for itself shares none"
    jobs[2].kill()
    assert f"holds {first}\n" in finish(alone)


def test_a_job_that_shares_devices_takes_one_slot_of_each(machine):
    machine = machine(2)
    outputs = [finish(job) for job in [machine.start(2, 0.2, 2) for _ in range(5)]]
    assert [output.split("holds ")[-1].split() for output in outputs] == [machine.devices] * 5


def test_a_device_that_a_job_has_to_itself_is_not_shared(machine):
    machine = machine(1)
    alone = machine.start(seconds=TIMEOUT)
    assert "holds" in alone.stdout.readline()
    sharing = machine.start(slots=2)
    assert "waits until 1" in sharing.stdout.readline()
    alone.kill()
    shutil.rmtree(machine.marks)
    machine.marks.mkdir()
    assert "holds" in finish(sharing)


def test_a_killed_job_frees_its_device(machine):
    machine = machine(1)
    first = machine.start(seconds=TIMEOUT)
    assert first.stdout.readline() == f"holds {machine.devices[0]}\n"
    second = machine.start()
    assert "waits until 1" in second.stdout.readline()
    time.sleep(1)
    assert second.poll() is None
    shutil.rmtree(machine.marks / machine.devices[0])  # what the killed job would leave
    first.send_signal(signal.SIGKILL)
    assert machine.devices[0] in finish(second)


def test_programs_that_a_job_leaves_behind_hold_nothing(machine):
    machine = machine(1)
    leaves = JOB.replace("time.sleep(seconds)", "subprocess.Popen(['sleep', '60'])").replace(
        "import os,", "import subprocess, os,"
    )
    code = [sys.executable, "-c", leaves, str(machine.marks), "1", "0", "1"]
    job = subprocess.Popen(code, env=machine.environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        assert job.wait(TIMEOUT) == 0
        assert "waits" not in finish(machine.start())
    finally:
        os.killpg(job.pid, signal.SIGKILL)


def test_the_environment_is_put_back(here, monkeypatch):
    with hold_devices(2) as held:
        assert held == here.devices[:2]
        assert os.environ[VISIBLE] == ",".join(held)
    assert VISIBLE not in os.environ
    monkeypatch.setenv(VISIBLE, "3,1")
    with hold_devices(1) as held:
        assert held == [here.devices[3]]
    assert os.environ[VISIBLE] == "3,1"


@pytest.mark.parametrize(
    ("value", "numbers"),
    [("1,0", [1, 0]), ("2", [2]), ("", []), ("-1", []), ("1,-1,0", [1]), ("NoDevFiles", []), ("9", [])],
)
def test_visible_devices_are_read_as_cuda_reads_them(here, monkeypatch, value, numbers):
    monkeypatch.setenv(VISIBLE, value)
    assert visible_devices() == [here.devices[number] for number in numbers]
    monkeypatch.setenv(VISIBLE, ",".join(here.devices[number][:12] for number in numbers))
    assert visible_devices() == [here.devices[number] for number in numbers]


def test_a_job_without_gpus_sees_none(here):
    with hold_devices(0) as held:
        assert held == []
        assert os.environ[VISIBLE] == ""


def test_more_than_there_are_is_refused(here):
    with pytest.raises(ConfigError, match=r"asks for 5 GPUs .*shows 4: GPU-"), hold_devices(5):
        pass


def test_a_machine_without_gpus_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("prunegrid.jobs.devices._DRIVERS", ())
    monkeypatch.setenv(VISIBLE, "0")
    with hold_devices(1) as held:
        assert held == []
        assert os.environ[VISIBLE] == "0"


def test_without_the_tool_torch_is_asked(monkeypatch, tmp_path):
    driver = tmp_path / "driver"
    driver.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr("prunegrid.jobs.devices._DRIVERS", (str(driver),))
    (tmp_path / "torch.py").write_text("class cuda:\n    device_count = staticmethod(lambda: 2)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv(VISIBLE, raising=False)
    assert visible_devices() == ["0", "1"]
    monkeypatch.setenv(VISIBLE, "3,5")
    assert visible_devices() == ["3", "5"]
    # A number means something else in each Slurm job.
    monkeypatch.setenv("SLURM_JOB_ID", f"test-{uuid.uuid4()}")
    with hold_devices(1) as held:
        assert held == ["3"]


def test_slurm_gives_devices_to_its_jobs(here, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert visible_devices() == []  # it gave none
    monkeypatch.setenv(VISIBLE, "2,3")
    with hold_devices(2) as held:
        assert held == here.devices[2:]


def test_jobs_inside_one_allocation_share_no_device(machine):
    machine = machine(4)
    given = {"SLURM_JOB_ID": "7", VISIBLE: "1,2"}
    outputs = [finish(job) for job in [machine.start(1, 0.2, **given) for _ in range(4)]]
    assert {output.split("holds ")[1].strip() for output in outputs} == set(machine.devices[1:3])
