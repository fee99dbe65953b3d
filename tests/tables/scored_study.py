"""One small study, scored and tabulated once for all tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from prunegrid.findings.write_findings import write_findings
from prunegrid.report.agreement import plot_agreement
from prunegrid.report.differences import plot_differences
from prunegrid.report.overlap import plot_overlap
from prunegrid.report.schedules import plot_schedules
from prunegrid.report.survival import plot_survival
from prunegrid.report.tradeoff import plot_tradeoff
from prunegrid.report.write import write_report
from prunegrid.scoring.score import score_cells, write_scores
from prunegrid.tables.build import build_tables
from tests.once import once
from tests.tables import worlds

UNREACHABLE = [
    {
        "strategy": "pyramid",
        "criterion": "attention",
        "ratio": 0.9,
        "reason": "ratio 0.900 is out of reach: 0 to 0.7",
    }
]


class Study:
    """Paths and cells of the study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = folder / "demo" / "tables"
        self.figures = folder / "demo" / "figures"
        self.cells: list[dict[str, Any]] = json.loads((folder / "cells.json").read_text())

    def scores(self, cell: dict[str, Any]) -> dict[str, Any]:
        return json.loads(Path(cell["folder"], "scores.json").read_text())


@pytest.fixture(scope="session")
def study() -> Study:
    """Return the study, whose files other tests look at, too."""
    return Study(once("scored-study", _make))


def _make(folder: Path) -> None:
    cells = worlds.grid(folder, 60, list(worlds.SCORERS), [0.5, 0.9], [0, 1], ("single", "attention_shallow"))
    (folder / "cells.json").write_text(json.dumps(cells))
    for benchmark, scorer in worlds.SCORERS.items():
        own = {cell["folder"]: cell for cell in cells if cell["benchmark"] == benchmark}
        files = {place: Path(place, "predictions.parquet") for place in own}
        for place, scores in score_cells(scorer, files, replicates=500):
            write_scores(place, scores, worlds.ledger(own[place]))
    study = Study(folder)
    made = build_tables(cells, UNREACHABLE, study.tables, {"replicates": 1000, "toy": True})
    write_findings(made, study.tables)
    plot_tradeoff(study.tables, study.figures)
    plot_differences(study.tables, study.figures)
    plot_agreement(study.tables, study.figures)
    for plot in (plot_survival, plot_schedules, plot_overlap):
        plot(cells, study.figures)
    metadata = {cell["benchmark"]: Path(cell["folder"], "predictions.parquet") for cell in cells}
    write_report(
        [{"name": "demo", "tables": study.tables, "figures": study.figures, "metadata": metadata}],
        folder / "report.html",
    )
