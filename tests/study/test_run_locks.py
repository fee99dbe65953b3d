"""What a run locks in its folder, with Snakemake's own locks."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.exceptions import LockException, WorkflowError
from snakemake.persistence.file import FilePersistence

from prunegrid.study.run_locks import lock_own_files
from tests.workflow.faults import check


class Run:
    """A run of jobs that write `output`; only those in `needed` are still to run."""

    def __init__(
        self, folder: Path, output: Sequence[str], needed: bool = True, rule: str = "predict"
    ) -> None:
        job = SimpleNamespace(input=["data"], output=output, rule=SimpleNamespace(name=rule))
        dag: Any = SimpleNamespace(jobs=[job], needrun_jobs=lambda: [job] if needed else [])
        self.persistence = FilePersistence(path=folder)
        self.persistence.dag = dag
        lock_own_files(self.persistence, WorkflowError)


def locks(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in (folder / "locks").glob("*")}


def test_a_run_removes_its_own_locks_alone(tmp_path: Path) -> None:
    first, second = Run(tmp_path, ["cells"]), Run(tmp_path, ["model"], rule="train_demo_model")
    with first.persistence.lock():
        held = locks(tmp_path)
        with second.persistence.lock():
            assert len(locks(tmp_path)) == 2 * len(held)
        assert locks(tmp_path) == held
        with pytest.raises(LockException):
            Run(tmp_path, ["cells"]).persistence.lock().__enter__()
        assert locks(tmp_path) == held
    assert not locks(tmp_path)


@pytest.mark.parametrize(("output", "needed"), [([], True), (["data"], False)])
def test_a_run_that_writes_nothing_locks_nothing(tmp_path: Path, output: list[str], needed: bool) -> None:
    """`check`, say, of data that is drawn already: what drew it is in the graph, but need not run."""
    with Run(tmp_path, ["cells"]).persistence.lock():
        held = locks(tmp_path)
        with Run(tmp_path, output, needed, "check").persistence.lock():
            assert locks(tmp_path) == held
        assert locks(tmp_path) == held


@pytest.mark.parametrize("rules", [("measure_latency", "predict"), ("predict", "measure_latency")])
def test_time_is_measured_alone(tmp_path: Path, rules: tuple[str, str]) -> None:
    first, second = (Run(tmp_path, [rule], rule=rule) for rule in rules)
    with ExitStack() as stack:
        stack.enter_context(first.persistence.lock())
        held = locks(tmp_path)
        with pytest.raises(WorkflowError) as refused:
            second.persistence.lock().__enter__()
        number = 0 if rules[1] == "measure_latency" else 1
        check("a run measures time while another one is at work in its folder", str(refused.value), number)
        assert locks(tmp_path) == held
    with second.persistence.lock():
        assert locks(tmp_path)
    assert not locks(tmp_path)


def test_unlock_removes_all(tmp_path: Path) -> None:
    with Run(tmp_path, ["cells"], rule="measure_latency").persistence.lock():
        assert len(locks(tmp_path)) == 3
        Run(tmp_path, ["cells"]).persistence.cleanup_locks()
        assert not locks(tmp_path)
