"""`snakemake status`: where every cell of a study stands, and why."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from prunegrid.results.predictions import SCHEMA, write_finished
from prunegrid.results.store import CHECKSUMS, PREDICTIONS, SAMPLES, SCORES
from prunegrid.study.config import validate
from prunegrid.study.markers import has_lost
from prunegrid.study.plan import Plan
from prunegrid.study.published import is_displaced
from prunegrid.study.status import as_text, status, summary
from tests.study.plans import SCHEMA as CONFIG_SCHEMA
from tests.workflow.study import HOME

SHAPES = "resources/demo/shapes-pope.parquet"
SPECS = {"shapes-pope": {"adapter": "pope", "path": SHAPES}}
ERROR = "DataError: image cannot be decoded (... bytes): broken data stream"


class World:
    """A study whose files are made up."""

    def __init__(self, **changes: Any) -> None:
        config = yaml.safe_load((HOME / "config.yaml").read_text())
        config |= {
            "benchmarks": ["shapes-pope"],
            "strategies": ["uniform", "exit"],
            "criteria": ["norm"],
            "ratios": [0.505, 0.6, 0.98],
            "seeds": [0],
            "bundle_size": 2,
            "exclude": [],
            **changes,
        }
        self.plan = Plan(validate(config, CONFIG_SCHEMA), HOME, [SHAPES])
        self.cells = self.plan.grid.cells
        self.store = self.plan.store("demo", "shapes-pope")

    def predict(self, number: int) -> None:
        key = self.plan.keys.prediction_key(self.cells[number])
        write_finished(self.store.predictions(key), SCHEMA.empty_table(), {"key": key})

    def score(self, number: int, n_error: int = 0) -> None:
        folder = self.store.scores(self.plan.keys.score_key(self.cells[number]))
        folder.mkdir(parents=True)
        errors = {ERROR: n_error} if n_error else {}
        (folder / SCORES).write_text(json.dumps({"n": 4, "n_error": n_error, "errors": errors}))
        (folder / SAMPLES).touch()
        (folder / CHECKSUMS).touch()

    def publish(self, number: int) -> None:
        cell = self.cells[number]
        folder = Path("results", cell.folder)
        folder.mkdir(parents=True)
        (folder / PREDICTIONS).hardlink_to(self.store.predictions(self.plan.keys.prediction_key(cell)))
        for name in (SCORES, SAMPLES):
            (folder / name).hardlink_to(self.store.scores(self.plan.keys.score_key(cell)) / name)

    def text(self) -> str:
        return as_text(status(self.plan), self.plan)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return World()


def test_a_study_that_has_not_begun(world: World) -> None:
    n = len(world.cells)
    text = world.text()
    assert text.startswith(f"0 of {n} cells are done; {n} wait")
    assert f"demo, shapes-pope: {n} cells not computed yet" in text
    assert "none: ratio 0.000, seed 0" in text
    assert "out of reach for " in text


def test_every_state_is_told_with_its_reason(world: World) -> None:
    n = len(world.cells)
    assert n >= 4
    for number in range(n):
        world.predict(number)
    for number in range(n - 1):
        world.score(number, n_error=[0, 4, 1][min(number, 2)])
    for number in range(n - 2):
        world.publish(number)
    log = Path(f"results/logs/score/demo/{world.plan.bundle_of(world.cells[-1])}.log")
    log.parent.mkdir(parents=True)
    log.write_text(
        "2026-01-01 00:00:00 INFO 3 cells scored\n"
        "2026-01-01 00:00:00 ERROR DataError: no such row\nTraceback ...\n  line\nDataError: no such row\n"
    )
    text = world.text()
    assert text.startswith(f"{n - 2} of {n} cells are done; 1 failed; 1 wait")
    assert "1 cell done, but every row is an error" in text
    assert "1 cell computed and scored, not in place yet" in text
    assert "1 cell computed, not scored yet\n  its last job failed: DataError: no such row" in text
    assert f"(log: {log})" in text
    n_rows = 4 + (n - 3)
    assert f"{n_rows} error rows in {n - 2} cells, in 1 of them in every row:\n  {n_rows} x {ERROR}" in text


def test_jobs_that_failed_or_were_killed_are_told_apart(world: World) -> None:
    folder = Path("results/logs/predict/demo")
    folder.mkdir(parents=True)
    (folder / "shapes-pope-0000.log").write_text(
        "2026-01-01 00:00:00 INFO loaded\n2026-01-01 00:00:01 ERROR RuntimeError: CUDA error\nTraceback ...\n"
    )
    (folder / "shapes-pope-0001.log").write_text(
        "2026-01-01 00:00:00 INFO [1/2] none: 4 samples, 9/s, about 3 s left\n"
    )
    begun = world.plan.bundles("demo")["shapes-pope-0001"][0]
    shards = world.store.folder / f"{world.plan.keys.prediction_key(begun)}.shards-512"
    shards.mkdir(parents=True)
    (shards / "00000.parquet").touch()
    text = world.text()
    assert "2 cells not computed yet\n  its last job failed: RuntimeError: CUDA error" in text
    assert "1 cell computed in part\n" in text
    assert "2 failed" in text.splitlines()[0]


def test_the_summary_says_which_cells_were_begun(world: World) -> None:
    """Ctrl-C between the jobs: what is computed already is not lost, and the last lines of the run say so."""
    n = len(world.cells)
    for number in range(3):
        world.predict(number)
    world.score(0)
    shards = world.store.folder / f"{world.plan.keys.prediction_key(world.cells[3])}.shards-512"
    shards.mkdir(parents=True)
    (shards / "00000.parquet").touch()
    assert summary(status(world.plan)).splitlines() == [
        f"0 of {n} cells are done; {n} wait",
        "1 computed and scored, not in place yet: demo/shapes-pope",
        "2 computed, not scored yet: demo/shapes-pope",
        "1 computed in part: demo/shapes-pope",
    ]


def test_a_cell_waits_for_its_bundle(world: World) -> None:
    """It is computed, but not scored, because another cell of its job failed."""
    first, second = world.plan.bundles("demo")["shapes-pope-0000"]
    world.predict(world.cells.index(first))
    log = Path("results/logs/predict/demo/shapes-pope-0000.log")
    log.parent.mkdir(parents=True)
    log.write_text(
        "2026-01-01 00:00:00 INFO loaded\n2026-01-01 00:00:01 ERROR DataError: no such row\nTraceback ...\n"
    )
    cells = {one.cell: one for one in status(world.plan)}
    assert cells[first].state == "computed, not scored yet"
    assert cells[second].state == "not computed yet"
    assert (
        cells[first].why == cells[second].why == f"its last job failed: DataError: no such row (log: {log})"
    )


def test_files_of_an_older_key_are_not_in_place(world: World) -> None:
    world.predict(0)
    world.score(0)
    world.publish(0)
    assert status(world.plan)[0].state == "done"
    file = Path("results", world.cells[0].folder, PREDICTIONS)
    file.unlink()
    write_finished(file, pa.Table.from_pylist([], schema=SCHEMA), {"key": "older"})
    assert status(world.plan)[0].state == "computed and scored, not in place yet"


@pytest.mark.parametrize(
    "content", ['{"n": 4, "n_er', "[]", '{"n": 4, "n_error": "1"}', '{"n": 4, "n_error": 1, "errors": 3}']
)
def test_damaged_scores_are_told_with_what_to_delete(world: World, content: str) -> None:
    world.predict(0)
    world.score(0)
    folder = world.store.scores(world.plan.keys.score_key(world.cells[0]))
    (folder / SCORES).write_text(content)
    assert f"{folder / SCORES} is damaged: delete {folder} and run again" in world.text()


def test_data_that_is_not_here_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = {"shapes-pope": {"adapter": "pope", "path": "gone.parquet"}}
    world = World(benchmark_specs=spec)
    text = world.text()
    assert f"{len(world.cells)} cells not to be computed here" in text
    assert "gone.parquet" in text


def test_data_that_is_not_here_hides_no_other_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    specs = {"gone": {"adapter": "pope", "path": "gone.parquet"}}
    world = World(benchmarks=["shapes-pope", "gone"], benchmark_specs={**SPECS, **specs})
    n = len(world.cells) // 2
    text = world.text()
    assert f"demo, shapes-pope: {n} cells not computed yet" in text
    assert f"demo, gone: {n} cells not to be computed here" in text


def test_files_that_are_not_the_plans_are_put_right(world: World) -> None:
    """Where Snakemake's own records are gone, the plan sees it alone."""
    cell, plan = world.cells[0], world.plan
    assert not is_displaced(plan, cell)
    world.predict(0)
    world.score(0)
    world.publish(0)
    folder = Path("results", cell.folder)
    assert not is_displaced(plan, cell)
    for name in (PREDICTIONS, SCORES, SAMPLES):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content)
    assert not is_displaced(plan, cell), "a copy is as good"
    (folder / SCORES).write_text("{}")
    assert is_displaced(plan, cell)
    (folder / SCORES).unlink()
    (folder / SCORES).hardlink_to(world.store.scores(plan.keys.score_key(cell)) / SCORES)
    assert not is_displaced(plan, cell)
    (folder / PREDICTIONS).unlink()
    write_finished(folder / PREDICTIONS, pa.Table.from_pylist([], schema=SCHEMA), {"key": "older"})
    assert is_displaced(plan, cell)


def test_a_marker_that_lists_too_little_stands_for_nothing(world: World) -> None:
    world.predict(0)
    key, other = (world.plan.keys.prediction_key(cell) for cell in world.cells[:2])
    marker = Path("results/demo/.jobs/predicted-shapes-pope-0000.done")
    assert not has_lost(world.plan, "demo", marker, [key])
    marker.parent.mkdir(parents=True)
    marker.write_text(json.dumps({"shapes-pope": {key: [f"{key}.parquet"]}}))
    assert not has_lost(world.plan, "demo", marker, [key])
    assert has_lost(world.plan, "demo", marker, [key, other])
    world.store.predictions(key).unlink()
    assert has_lost(world.plan, "demo", marker, [key])


def test_the_summary_counts_kinds_and_leaves_out_the_rest(world: World) -> None:
    cells = status(world.plan)
    many = [
        type(cells[0])(cell.cell, "done", n_error=10, errors={f"kind {number}": 1 for number in range(10)})
        for cell in cells
    ]
    text = summary(many, 3)
    assert text.splitlines()[0] == f"{len(cells)} of {len(cells)} cells are done; 3 are out of reach"
    assert text.splitlines()[-1] == "  and 4 other kinds"
