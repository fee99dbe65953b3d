"""Strategies and criteria under names of the user's own, from the configuration to the tables."""

from pathlib import Path

import pandas as pd
import pytest

from prunegrid.scoring.score import score_cells, write_scores
from prunegrid.study.config import validate
from prunegrid.study.descriptions import describe_cell
from prunegrid.study.plan import Plan
from prunegrid.tables.build import build_tables
from prunegrid.tables.cells import read_cells
from tests.tables import worlds

HOME = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    config = {
        "models": ["demo"],
        "model_specs": {"demo": {"path": "owner/name", "layers": worlds.LAYERS}},
        "benchmarks": ["easy"],
        "benchmark_specs": {"easy": {"adapter": "vqa", "path": "owner/data"}},
        "strategies": ["hierarchical", "no-image"],
        "strategy_specs": {"no-image": {"type": "blind"}},
        "criteria": ["himap", "gradient"],
        "criterion_specs": {"himap": {"type": "attention"}},
        "ratios": [0.5],
        "tables": {"reference_criterion": "himap"},
    }
    return Plan(validate(config, HOME / "workflow/schemas/config.schema.yaml"), HOME)


def test_types_reach_the_tables(plan: Plan, tmp_path: Path) -> None:
    described = [describe_cell(plan, cell) for cell in plan.grid.cells]
    files = {}
    for number, cell in enumerate(described):
        files[cell["folder"]] = Path(cell["folder"], "predictions.parquet")
        accuracy = 0.45 if cell["strategy"] == "no-image" else 0.9
        worlds.write(files[cell["folder"]], worlds.predictions("easy", 200, accuracy, number))
    ledgers = {cell["folder"]: worlds.ledger(cell) for cell in described}
    for folder, scores in score_cells("vqa", files, replicates=100):
        write_scores(folder, scores, ledgers[folder])
    read = {(cell.strategy, cell.criterion): cell for cell in read_cells(described)}
    assert read["no-image", "none"].strategy_type == "blind"
    assert read["hierarchical", "himap"].criterion_type == "attention"
    assert [key[1] for key, cell in read.items() if cell.needs_answer] == ["gradient"]

    build_tables(described, [], tmp_path / "tables", plan.config["tables"] | {"replicates": 200, "toy": True})
    table = pd.read_csv(tmp_path / "tables/strategy.csv")
    floors = table[table.block == "no pruning, and the floors"]
    assert [*floors.strategy] == ["none", "no-image"]
    assert [*table.block.unique()][1:] == ["criterion himap, ratio 0.5"]
    assert table[table.block != "no pruning, and the floors"].easy_retained.notna().all()
    assert table[table.reference].criterion.tolist() == ["himap"]
    assert "Toy model, toy world" in (tmp_path / "tables/strategy.md").read_text()
