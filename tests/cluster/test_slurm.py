"""A small study on a real Slurm: one job is cancelled, one fails on its first attempt, a second run ends it.

Not part of `make test`: it needs Debian's Slurm, and minutes of waiting for it. `make test-cluster` runs it.
"""

import re
import signal
import subprocess
import sys
import time

import pytest

from tests.cluster.reaper import processes
from tests.cluster.slurm import Slurm
from tests.workflow.study import HOME, Study

STEP = 300  # seconds after which something hangs, on a busy machine, too
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", "--configfile", "study.yaml"]
# The profile's values suit a cluster with a network disk and hundreds of users.
HASTE = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10", "--retries", "1"]
CONFIG = {
    "model_specs": {"demo": {"mem_mb": 1500, "runtime": 4, "gpus": 1}},
    "benchmarks": ["shapes-pope"],
    "benchmark_specs": {"shapes-pope": {"limit": 6}},
    "strategies": ["uniform"],
    "criteria": ["norm", "fragile", "slow"],
    "ratios": [0.505],
    "seeds": [0],
    "bundle_size": 1,
    "tables": {"replicates": 200, "reference_strategy": "uniform", "reference_criterion": "norm"},
}
SHOWN = ["JobId", "JobState", "Partition", "TresPerJob", "MinMemoryNode", "TimeLimit", "Comment"]
WILDCARDS = "demo"
# One cell a bundle, in the order in which cells share their first layers.
NONE, FRAGILE, NORM, SLOW = tuple(f"shapes-pope-000{number}" for number in range(4))
PLUGIN = '''"""A criterion for a test."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage

PROJECT = Path(__file__).parents[3]


@dataclass(frozen=True)
class {name}(Criterion):
    """First tokens first."""

    def score(self, stage: Stage) -> Tensor:
        """Return zeros, shape (batch, present tokens)."""
        {event}
        return stage.image.float()
'''
# Dies once, as a job whose memory ran out.
DIES = """if not (PROJECT / "died-once").exists():
            (PROJECT / "died-once").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
            os.kill(os.getpid(), signal.SIGKILL)"""
# Takes as long as it is told to, but not for ever.
WAITS = """for _ in range(600):
            if not (PROJECT / "wait").exists():
                break
            time.sleep(0.2)"""


class Run:
    """A running snakemake that submits to Slurm."""

    def __init__(self, study: Study, *arguments: str) -> None:
        self.devices: dict[str, str] = {}  # what the first attempts of bundles held
        self._log = study.folder / f"snakemake-{time.monotonic_ns()}.out"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*SNAKEMAKE, *HASTE, *arguments], cwd=study.folder, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def finish(self, seconds: float = STEP) -> int:
        """Return its exit code; one that hangs is interrupted, and fails."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"not done after {seconds} s:\n{self.output[-6000:]}") from None

    def wait_until(self, ready) -> None:
        deadline = time.monotonic() + STEP
        while not ready():
            assert self._process.poll() is None, self.output[-6000:]
            assert time.monotonic() < deadline, self.output[-6000:]
            time.sleep(0.5)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


def tell(line: str) -> None:
    """Write to the log of `make test-cluster`, which shows what the tests say."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def tell_jobs(slurm: Slurm) -> None:
    for job in slurm.jobs():
        tell("  " + " ".join(job.get(key, "-") for key in SHOWN))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with Slurm(tmp_path_factory.mktemp("cluster") / "slurm") as slurm, pytest.MonkeyPatch.context() as patch:
        for name, value in slurm.environment.items():
            patch.setenv(name, value)
        patch.setenv("OMP_NUM_THREADS", "1")
        # As on a node that nobody has set up by hand.
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        tell(f"slurm runs: {slurm.run('sinfo', '-h', '-o', '%P %T %G').splitlines()}")
        yield slurm
        tell("the end of all:")
        tell_jobs(slurm)
    assert not processes(slurm.environment["SLURM_CONF"])


@pytest.fixture(scope="module")
def study(slurm, tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("study") / "project", CONFIG)
    for name, event in (("Fragile", DIES), ("Slow", WAITS)):
        file = study.folder / "src/prunegrid/criteria" / f"{name.lower()}.py"
        file.write_text(PLUGIN.format(name=name, event=event))
    return study


@pytest.fixture(scope="module")
def interrupted(study, slurm):
    """The first run, whose slow job is cancelled on both of its attempts."""
    (study.folder / "wait").touch()
    run = Run(study)
    try:
        for attempt in (1, 2):
            run.wait_until(
                lambda attempt=attempt: len(started(slurm, SLOW)) == attempt and on_gpu(study, SLOW)
            )
            run.devices[SLOW] = run.devices.get(SLOW) or on_gpu(study, SLOW)
            number = started(slurm, SLOW)[-1]["JobId"]
            slurm.run("scancel", number)
            tell(f"attempt {attempt} of the slow job, {number}, is cancelled")
        code = run.finish()
    finally:
        run.stop()
    (study.folder / "wait").unlink()
    for bundle in (NONE, NORM):
        run.devices[bundle] = on_gpu(study, bundle)
    # A retry begins a new log, so that of the first attempt is gone.
    run.devices[FRAGILE] = (study.folder / "died-once").read_text()
    tell(f"the first run ended with {code}:")
    tell_jobs(slurm)
    return run, code


@pytest.fixture(scope="module")
def before(study, interrupted):
    """What the first run left in the store."""
    return stored(study)


@pytest.fixture(scope="module")
def finished(study, slurm, before):
    """The second run, by the same command."""
    n_jobs = len(slurm.jobs())
    run = Run(study)
    code = run.finish()
    tell(f"the second run ended with {code}")
    assert code == 0, run.output[-6000:]
    return slurm.jobs()[n_jobs:]


def wait_for(ready, seconds=20):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def of_bundle(jobs, bundle):
    # The last wildcard, the part of the bundle, is empty.
    return [job for job in jobs if job["Comment"] == f"rule_predict_wildcards_{WILDCARDS}_{bundle}_"]


def started(slurm, bundle):
    """Return the jobs of a bundle that were started."""
    return [job for job in of_bundle(slurm.jobs(), bundle) if job["JobState"] != "PENDING"]


def stored(study):
    """Return name -> (inode, content) of finished cells; one that is written anew has another inode."""
    store = study.folder / "results/demo/shapes-pope/.store"
    return {file.name: (file.stat().st_ino, file.read_bytes()) for file in store.glob("*.parquet")}


def log_of(study, bundle):
    file = study.folder / f"results/logs/predict/demo/{bundle}.log"
    return file.read_text() if file.exists() else ""


def on_gpu(study, bundle):
    """Return the device that a bundle's job says it holds, None before."""
    found = re.search(r" holds (\S+)\n", log_of(study, bundle))
    return found and found.group(1)


def test_a_cancelled_job_ends_the_run_in_failure(interrupted, study, slurm):
    run, code = interrupted
    assert code == 1, run.output[-6000:]
    states = [job["JobState"] for job in of_bundle(slurm.jobs(), SLOW)]
    assert states == ["CANCELLED", "CANCELLED"]
    # The cells whose own jobs passed have their scores.
    assert len(list((study.folder / "results/demo").glob("*/*/*/*/*/scores.json"))) == 3


def test_the_others_were_computed_nevertheless(before):
    assert len(before) == 3


def test_a_job_that_failed_got_more_at_its_second_attempt(interrupted, slurm):
    first, second = of_bundle(slurm.jobs(), FRAGILE)
    assert [first["JobState"], second["JobState"]] == ["FAILED", "COMPLETED"]
    assert [first["MinMemoryNode"], second["MinMemoryNode"]] == ["1500M", "3000M"]
    assert [first["TimeLimit"], second["TimeLimit"]] == ["00:04:00", "00:08:00"]


def test_a_person_finds_the_jobs_and_their_logs(interrupted, study, slurm):
    run, _ = interrupted
    (name,) = {job["JobName"] for job in slurm.jobs()}
    assert name.startswith("prunegrid_")
    assert f"SLURM run ID: {name}" in run.output
    for bundle in (FRAGILE, SLOW):
        failed = of_bundle(slurm.jobs(), bundle)[0]
        log = study.folder / f"logs/slurm/rule_predict/{WILDCARDS}_{bundle}_/{failed['JobId']}.log"
        assert str(log) == failed["StdOut"]
        assert log.stat().st_size > 0
    assert "is loaded on cpu" in log_of(study, FRAGILE)


def test_predictions_ask_for_one_gpu_each_and_hold_what_slurm_gave(interrupted, slurm):
    jobs = [job for bundle in (NONE, NORM, FRAGILE, SLOW) for job in of_bundle(slurm.jobs(), bundle)]
    assert len(jobs) == 1 + 1 + 2 + 2
    for job in jobs:
        assert (job["Partition"], job["TresPerJob"]) == ("gpu", "gres:gpu:1")
    # Four jobs on four GPUs started at once.
    run, _ = interrupted
    assert sorted(run.devices.values()) == slurm.devices


def test_the_second_run_does_what_is_missing(finished, before, study):
    # Tables, figures and page are one job.
    rules = sorted(re.match("rule_([a-z]+)", job["Comment"]).group(1) for job in finished)
    assert rules == ["predict", "score", "tables"]
    assert len(of_bundle(finished, SLOW)) == 1
    assert {job["JobState"] for job in finished} == {"COMPLETED"}
    after = stored(study)
    assert before.items() < after.items()
    assert len(after) == 4
    assert len(study.cells()) == 4
    assert (study.folder / "results/report.html").stat().st_size > 10_000


def test_scores_and_tables_need_no_gpu(finished, slurm):
    others = [job for job in slurm.jobs() if "rule_predict" not in job["Comment"]]
    assert len(others) == 1 + 4 + 1  # data, scores, tables
    for job in others:
        assert job["Partition"] == "cpu"
        assert "gpu" not in job.get("TresPerJob", "")


def test_logs_of_jobs_that_passed_are_removed(finished, study):
    left = {file.parent.name for file in (study.folder / "logs/slurm").rglob("*.log")}
    assert left == {f"{WILDCARDS}_{bundle}_" for bundle in (FRAGILE, SLOW)}


def test_nothing_is_left_to_do(finished, study):
    assert study.planned() == {}


@pytest.fixture
def waiting(finished, study, slurm):
    """A run whose jobs wait: one more ratio."""
    (study.folder / "wait").touch()
    n_jobs = len(slurm.jobs())
    run = Run(study, "--config", "ratios=[0.505,0.6]")
    try:
        run.wait_until(lambda: any(job["JobState"] == "RUNNING" for job in slurm.jobs()[n_jobs:]))
        yield run, lambda: {job["JobState"] for job in slurm.jobs()[n_jobs:]}
    finally:
        run.stop()


def test_an_interrupted_run_cancels_its_jobs(waiting, study):
    run, states = waiting
    run.stop()
    tell(f"after SIGINT, its jobs are {states()}")
    assert not states() & {"RUNNING", "PENDING"}
    assert not list((study.folder / ".snakemake/locks").glob("*")), "the folder is locked"


def test_jobs_of_a_killed_run_are_cancelled_by_their_name(waiting, study, slurm):
    run, states = waiting
    run.kill()
    tell(f"after SIGKILL, its jobs are {states()}")
    assert "RUNNING" in states()
    (name,) = re.findall(r"SLURM run ID: (\S+)", run.output)
    slurm.run("scancel", "--name", name)
    wait_for(lambda: not states() & {"RUNNING", "PENDING", "COMPLETING"})
    assert "cannot be locked" in study.run("--config", "ratios=[0.505,0.6]", check=False)
    study.run("--unlock")
    assert study.planned() == {}


def test_a_killed_test_leaves_no_process(tmp_path):
    start = f"""
import time
from pathlib import Path
from tests.cluster.slurm import Slurm
with Slurm(Path({str(tmp_path / "slurm")!r})) as slurm:
    slurm.run("sbatch", "-p", "gpu", "-o", "/dev/null", "--wrap", "sleep 300")
    print("ready", flush=True)
    time.sleep({STEP})
"""
    conf = str(tmp_path / "slurm/slurm.conf")
    test = subprocess.Popen([sys.executable, "-c", start], cwd=HOME, stdout=subprocess.PIPE, text=True)
    try:
        assert test.stdout.readline() == "ready\n"
        wait_for(lambda: len(processes(conf)) >= 4)  # two daemons, a job and its step
    finally:
        test.kill()
        test.communicate()
    wait_for(lambda: not processes(conf))
