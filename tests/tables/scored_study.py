"""One small study, scored and tabulated once for all tests of this folder."""

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
        self.cells: list[dict[str, Any]] = []

    def scores(self, cell: dict[str, Any]) -> dict[str, Any]:
        return json.loads(Path(cell["folder"], "scores.json").read_text())


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(tmp_path_factory.mktemp("study"))
    study.cells = worlds.grid(
        study.folder, 60, list(worlds.SCORERS), [0.5, 0.9], [0, 1], ("single", "attention_shallow")
    )
    for benchmark, scorer in worlds.SCORERS.items():
        own = {cell["folder"]: cell for cell in study.cells if cell["benchmark"] == benchmark}
        files = {folder: Path(folder, "predictions.parquet") for folder in own}
        for folder, scores in score_cells(scorer, files, replicates=500):
            write_scores(folder, scores, worlds.ledger(own[folder]))
    made = build_tables(study.cells, UNREACHABLE, study.tables, {"replicates": 1000, "toy": True})
    write_findings(made, study.tables)
    plot_tradeoff(study.tables, study.figures)
    plot_differences(study.tables, study.figures)
    plot_agreement(study.tables, study.figures)
    for plot in (plot_survival, plot_schedules, plot_overlap):
        plot(study.cells, study.figures)
    files = {cell["benchmark"]: Path(cell["folder"], "predictions.parquet") for cell in study.cells}
    write_report(
        [
            {
                "name": "demo",
                "tables": study.tables,
                "figures": study.figures,
                "metadata": files,
            }
        ],
        study.folder / "report.html",
    )
    return study
