"""The first lines of the page: names and numbers of the study, from its files."""

import pandas as pd
import pytest

from prunegrid.report.lead import lead
from tests.tables import worlds

CELL = {"benchmark": "b", "strategy": "none", "criterion": "none", "ratio": 0.0, "n": 250}
PRUNED = [
    {"strategy": "hierarchical", "criterion": "attention", "ratio": 0.5},
    {"strategy": "hierarchical", "criterion": "norm", "ratio": 0.5},
    {"strategy": "exit", "ratio": 0.75},
]


@pytest.fixture
def told(tmp_path):
    """A function that writes cells.csv of a model, and returns the page's first lines."""

    def of(rows, name="m", layers=None) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        pd.DataFrame([{**CELL, **row} for row in rows]).to_csv(folder / "cells.csv", index=False)
        model = {"name": name, "tables": folder}
        if layers:
            worlds.write(folder / "predictions.parquet", [], {"n_layers": layers})
            model["metadata"] = {"b": folder / "predictions.parquet"}
        return lead([model])

    return of


def test_model_layers_tokens_samples_and_axes(told) -> None:
    text = told([{"min_image_tokens": 64.0}, *PRUNED, {"benchmark": "c", "n": 1200}], layers=8)
    assert (
        "Model <strong>m</strong> (8 decoder layers, 64 image tokens an image): 2 benchmarks: b (250 samples)"
        in text
    )
    assert "c (1,200 samples); 2 strategies and 2 criteria at ratios 0.5, 0.75; 5 cells in all." in text
    assert "reads an image as tokens, 64 here." in text
    assert "hundred" not in text


def test_a_span_of_tokens_is_told_as_one(told) -> None:
    text = told([{"min_image_tokens": 576.0}, {"benchmark": "c", "min_image_tokens": 1203.6}])
    assert "576 to 1,204 image tokens an image" in text


def test_what_is_not_known_is_not_told(told) -> None:
    text = told(PRUNED[:1], name="<script>")
    assert (
        "Model <strong>&lt;script&gt;</strong>: 1 benchmark: b (250 samples); 1 strategy and 1 criterion"
        in text
    )
    assert "reads an image as tokens. " in text
    assert "layers" not in text.partition("</p>")[0]
