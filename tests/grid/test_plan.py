"""What is refused before the run, and what a key depends on."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.config import validate
from prunegrid.errors import ConfigError, DataError
from prunegrid.plan import Plan
from tests.grid.test_grid import HOME, SCHEMA, configuration


def plan(tmp_path, monkeypatch, **changes):
    monkeypatch.chdir(tmp_path)
    specs = {"model_specs": {"m": {"path": str(HOME / "demo/model")}}}
    return Plan(validate(configuration(**{**specs, **changes}), SCHEMA), HOME)


def test_missing_data_is_named_before_the_run(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"benchmark_specs\.b: .*data\.parquet"):
        plan(tmp_path, monkeypatch).check_inputs()


def test_missing_columns_are_named_before_the_run(tmp_path, monkeypatch):
    pq.write_table(pa.table({"question": ["?"], "answr": ["yes"]}), tmp_path / "data.parquet")
    with pytest.raises(DataError, match=r"answer .*Found: .*answr"):
        plan(tmp_path, monkeypatch).check_inputs()


def test_missing_model_is_named_before_the_run(tmp_path, monkeypatch):
    missing = {"m": {"path": "models/not/here", "layers": 8}}
    with pytest.raises(ConfigError, match=r"model_specs\.m\.path: .*not/here"):
        plan(tmp_path, monkeypatch, model_specs=missing).check_inputs()


def test_unknown_depth_is_asked_for(tmp_path, monkeypatch):
    hub = {"m": {"path": "owner/name"}}
    with pytest.raises(ConfigError, match="set `layers`"):
        plan(tmp_path, monkeypatch, model_specs=hub).layers("m")


def test_keys_depend_on_what_matters(tmp_path, monkeypatch):
    pq.write_table(pa.table({"question": ["?"]}), tmp_path / "data.parquet")

    def keys(**changes):
        planned = plan(tmp_path, monkeypatch, **changes)
        return {cell.folder: planned.prediction_key(cell) for cell in planned.grid.cells}

    base = keys()
    assert len(set(base.values())) == len(base)
    assert keys() == base
    assert keys(batch_size=3, shard_size=7, tables={"seed": 3}) == base
    fewer = keys(ratios=[0.65], criteria=["random"])
    assert fewer.items() <= base.items()
    deeper = {"hierarchical": {"options": {"layers": [0.25, 0.5]}}}
    changed = {folder for folder, key in keys(strategy_specs=deeper).items() if key != base[folder]}
    assert changed == {folder for folder in base if "/hierarchical/" in folder}
    pq.write_table(pa.table({"question": ["!"]}), Path("data.parquet"))
    assert not set(keys().values()) & set(base.values())
