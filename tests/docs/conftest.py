"""The study whose files the pages are compared with."""

import pandas as pd
import pytest

from prunegrid.report.schedules import plot_schedules
from prunegrid.scoring.positions import cell_positions
from prunegrid.scoring.score import score_cells, write_scores
from prunegrid.tables.build import build_tables
from tests.tables import measured, worlds


@pytest.fixture(scope="session")
def study_of_everything(tmp_path_factory):
    """Return the folder of a few scored cells of one benchmark, tabulated with all columns that there are."""
    folder, kinds = tmp_path_factory.mktemp("study"), ("none", "blind", "hierarchical", "random")
    cells = worlds.grid(folder, 60, ["presence"], [0.5], [0, 1])
    cells = [c for c in cells if c["strategy"] in kinds and c["criterion"] in ("none", "attention")]
    files = {cell["folder"]: f"{cell['folder']}/predictions.parquet" for cell in cells}
    ledgers = {cell["folder"]: worlds.ledger(cell) for cell in cells}
    for key, scores in score_cells("pope", files, replicates=100):
        write_scores(key, scores, {**ledgers[key], "tied_cuts": 0.25}, positions())
    both = [
        {**cell, "match": match}
        for cell in cells
        for match in (["share", "tflops_total"] if cell["ratio"] else [""])
    ]
    options = {"replicates": 100, "match": ["share", "tflops_total"]}
    times = measured.made_up()
    times.loc[times.strategy == "hierarchical", "match"] = "share"
    build_tables(both, [], folder / "demo/tables", options, times)
    plot_schedules(cells, folder / "demo/figures")
    return folder / "demo"


def positions():
    rows = pd.DataFrame({"token_depth": [[4, 2, 4, 4]], "image_grids": [[[1, 2, 2]]], "status": ["ok"]})
    return cell_positions(rows, {"n_layers": 4, "schedule": [[2, 0.75]]})
