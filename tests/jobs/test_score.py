"""The score job: what it leaves in the store, and what it warns of."""

import json
import logging
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from prunegrid.errors import DataError
from prunegrid.jobs.score import score
from prunegrid.results.predictions import SCHEMA, write_finished
from prunegrid.study.config import validate

HOME = Path(__file__).parents[2]
CONFIG = validate(
    {
        "models": ["m"],
        "model_specs": {"m": {"path": "demo/model"}},
        "benchmarks": ["b"],
        "benchmark_specs": {"b": {"adapter": "pope", "path": "data.parquet"}},
        "strategies": ["hierarchical"],
        "criteria": ["attention"],
        "ratios": [0.5],
        "tables": {"replicates": 100},
    },
    HOME / "workflow/schemas/config.schema.yaml",
)


def write(path: Path, error: str | None, seed: int) -> None:
    model = json.loads((HOME / "demo/model/config.json").read_text())
    rows = [
        {
            "sample_id": f"s{i}",
            "image_id": f"i{i}",
            "answer": "yes",
            "prediction": None if error else "Yes",
            "n_image_tokens": 4,
            "n_full_image_tokens": 4,
            "n_text_tokens": 9,
            "n_text_after": 5,
            "image_grids": [],
            "n_generated": 1,
            "n_explained": 0,
            "cut_ties": [True, False] if i else [False],
            "token_depth": [model["text_config"]["num_hidden_layers"]] * 4,
            "status": "error" if error else "ok",
            "error": error and f"{error} {i}",
        }
        for i in range(3)
    ]
    axes = {"model": "m", "benchmark": "b", "strategy": "hierarchical", "criterion": "attention"}
    metadata = {
        "key": path.stem,
        "model": {"config": model},
        "cell": {**axes, "ratio": 0.5, "seed": seed},
        "n_layers": model["text_config"]["num_hidden_layers"],
        "criterion": None,
        "schedule": [],
        "scored_by": [],
        "attn_implementation": "sdpa",
    }
    write_finished(path, pa.Table.from_pylist(rows, schema=SCHEMA), metadata)


def test_cells_of_errors_only_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Path("results/m/b/.store")
    write(store / "good.parquet", None, 0)
    write(store / "bad.parquet", "no text after the image", 1)
    score(CONFIG, HOME, "m", {"b": {"good": "good-scores", "bad": "bad-scores"}})
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        "hierarchical x attention, ratio 0.500, seed 1: all 3 rows are errors, the first: "
        "no text after the image 0"
    ]
    good, bad = (
        json.loads((store / f"scores/{name}-scores/scores.json").read_text()) for name in ("good", "bad")
    )
    assert good["metrics"]["accuracy"]["value"] == 1
    assert good["compute"]["ratio_achieved"] == 0
    assert bad["n_error"] == 3
    assert (good["errors"], bad["errors"]) == ({}, {"no text after the image ...": 3})
    assert bad["compute"] == {"ratio_requested": 0.5}


def test_a_copy_of_another_cells_predictions_is_not_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Path("results/m/b/.store")
    write(store / "one.parquet", None, 0)
    shutil.copy(store / "one.parquet", store / "two.parquet")
    with pytest.raises(
        DataError,
        match=r"two.parquet was made under the key one, not two.*delete .*two.parquet and run again",
    ):
        score(CONFIG, HOME, "m", {"b": {"two": "two-scores"}})
    assert not (store / "scores/two-scores").exists()
