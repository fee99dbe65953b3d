"""A cell in which every row is an error: a dash, and all else as if it were not there."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.plugins import build
from prunegrid.scoring.score import write_scores
from prunegrid.tables import flat
from prunegrid.tables.build import build_tables, make_tables
from prunegrid.tables.cells import read_cells
from prunegrid.tables.display import DASH, printed
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

ANSWERS = [1.0, 0.0, 1.0, 1.0] * 30
BROKEN = [None] * 120
OPTIONS = TableOptions(replicates=100)


def tables(*cells):
    return make_tables(cells, [], OPTIONS)[0]


def lines(table):
    return {line.fields[0].main: line.fields for _, lines in printed(table).blocks for line in lines}


def test_it_is_a_dash_with_its_errors_and_never_the_best() -> None:
    table = tables(
        cell("none", ANSWERS),
        cell("blind", [0.0] * 120, criterion="none", ratio=0.0),
        cell("hierarchical", BROKEN, compute=None),
        cell("single", ANSWERS[::-1]),
        cell("uniform", [0.0] * 120),
    )
    shown = lines(table)
    value = shown["hierarchical"][4]
    assert (value.main, value.below, value.bold) == (DASH, ("120 errors",), False)
    assert {field.main for field in shown["hierarchical"][1:]} == {DASH, "reference"}
    assert shown["single"][4].bold
    rows = pd.read_csv(io.StringIO(flat.render(table))).set_index("strategy")
    assert np.isnan(rows.b_value["hierarchical"])
    assert rows.b_n_error["hierarchical"] == 120
    assert np.isnan(rows.b_to_none_p_mcnemar["hierarchical"])
    # Tests that could not be made do not count in Holm's correction.
    assert rows.b_to_none_p_holm["single"] == min(1.0, 3 * rows.b_to_none_p["single"])


@pytest.mark.parametrize("broken", ["none", "blind", "all"])
def test_tables_survive_without_anchors(broken: str) -> None:
    def scores(strategy: str):
        return BROKEN if broken in (strategy, "all") else ANSWERS

    cells = [
        cell("none", scores("none"), compute=None if broken == "all" else {"tflops_published": 1.0}),
        cell("blind", scores("blind"), criterion="none", ratio=0.0),
        cell("hierarchical", scores("hierarchical"), compute=None),
    ]
    assert lines(tables(*cells))["hierarchical"][5].main in (DASH, "0.0")


def test_one_broken_seed_of_several_leaves_the_others() -> None:
    table = tables(
        cell("none", ANSWERS), cell("random", ANSWERS), cell("random", BROKEN, seed=1, compute=None)
    )
    value = lines(table)["random"][4]
    assert value.main == "75.0"
    assert value.below[1] == f"seeds 75.0 to 75.0, sd {DASH}"


@pytest.mark.parametrize("scorer", ["pope", "vqa", "aokvqa", "caption"])
def test_files_of_such_a_cell_become_tables(scorer: str, tmp_path: Path) -> None:
    predictions = pd.DataFrame(
        {
            "sample_id": ["a", "b"],
            "image_id": ["a", "b"],
            "choices": [["x", "y"]] * 2,
            "answer": ["A", "B"],
            "references": [["a dog"], ["a cat"]],
            "prediction": [None, None],
            "choice_logits": [None, None],
            "status": ["error", "error"],
        }
    )
    scores = build("scorers", scorer).score(predictions, replicates=20)
    assert scores.per_sample["score"].dtype == np.float64
    write_scores(tmp_path, scores, {"ratio_requested": 0.0})
    described = {
        **dict.fromkeys(("strategy", "strategy_type", "criterion", "criterion_type"), "none"),
        **{"model": "m", "benchmark": "b", "ratio": 0.0, "seed": 0, "needs_answer": False},
        "folder": str(tmp_path),
    }
    # Files of earlier versions have a column of nothing.
    nothing = pq.read_table(tmp_path / "scores.parquet").to_pandas().assign(score=pa.nulls(2).to_pandas())
    pq.write_table(pa.Table.from_pandas(nothing), tmp_path / "scores.parquet")
    assert read_cells([described])[0].load(["score"]).num_rows == 2
    build_tables([described], [], tmp_path / "tables", {"replicates": 100})
    assert json.loads((tmp_path / "scores.json").read_text())["n_error"] == 2
    assert "2 errors" in (tmp_path / "tables/strategy.md").read_text()
