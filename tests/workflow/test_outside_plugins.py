"""A criterion, a strategy, a benchmark and a scorer in a folder outside the checkout, through snakemake."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.study import Study

CONFIG = {
    "plugins": ["../my/plugins"],
    "benchmarks": ["presence", "shapes-pope"],
    "benchmark_specs": {
        "presence": {"path": "resources/demo/shapes-pope.parquet", "limit": 6, "case": "as_it_is"},
        "shapes-pope": {"limit": 6},
    },
    "strategies": ["uniform", "late"],
    "criteria": ["norm", "far"],
    "criterion_specs": {"far": {"options": {"power": 1}}},
    "ratios": [0.3],
    "seeds": [0],
    "bundle_size": 60,
    "tables": {"replicates": 200},
}
AFTER_SCORES = dict.fromkeys(
    ("build_tables", "collect_samples", "plot_differences", "plot_survival", "plot_tradeoff", "write_report"),
    1,
)
# none, and two strategies with two criteria each
PER_BENCHMARK = 1 + 2 * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    shutil.copytree(Path(__file__).with_name("outside"), folder / "my/plugins")
    return folder


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    study = Study(folder / "project", CONFIG)
    study.run()
    return study


def test_plugins_from_outside_run_to_a_table(study: Study) -> None:
    rows = pd.read_csv(study.folder / "results/demo/tables/cells.csv", keep_default_na=False)
    assert len(rows) == 2 * PER_BENCHMARK
    assert (rows["n_error"] == 0).all()
    assert set(rows["strategy"]) == {"none", "uniform", "late"}
    assert (rows["criterion"] == "far").sum() == 4
    ours = rows[rows["benchmark"] == "presence"]
    assert ours["accuracy_letters"].astype(float).notna().all()
    assert "far" in (study.folder / "results/demo/tables/criterion.md").read_text()
    assert study.planned() == {}


@pytest.mark.parametrize(
    ("file", "text", "by", "predicted", "cells"),
    [
        ("criteria/far.py", "dim=-1) * 2", "dim=-1)", True, 4),
        ("criteria/_means.py", "clamp_min(2)", "clamp_min(1)", True, 4),
        ("strategies/late.py", "max(2,", "max(1,", True, 4),
        ("benchmarks/presence.py", "yes or no!", "yes or no.", True, PER_BENCHMARK),
        ("scorers/same.py", "str.strip('.')", "str.strip()", False, PER_BENCHMARK),
        ("models/my_vlm.py", "model.text_model", "model.model.text_decoder", False, 0),
    ],
)
def test_an_edit_reruns_its_own_cells_alone(
    study: Study, folder: Path, file: str, text: str, by: str, predicted: bool, cells: int
) -> None:
    path = folder / "my/plugins" / file
    old = path.read_text()
    assert by in old
    path.write_text(old.replace(by, text))
    planned = study.planned()
    path.write_text(old)
    jobs = {"predict": 1} if predicted else {}
    assert planned == ({**jobs, "score": 1, "publish": cells, **AFTER_SCORES} if cells else {})


# As `test_reruns` has it of a criterion of ours.
@pytest.mark.exhaustive
def test_an_edited_criterion_is_run_again(study: Study, folder: Path) -> None:
    before, path = study.stamps(), folder / "my/plugins/criteria/far.py"
    path.write_text(path.read_text().replace("dim=-1)", "dim=-1) * -1"))
    study.run()
    after = study.stamps()
    assert {name for name in after if after[name] != before[name]} == {n for n in after if "/far/" in n}


def test_a_moved_folder_reruns_nothing(study: Study, folder: Path) -> None:
    assert study.planned() == {}
    (folder / "my").rename(folder / "mine")
    assert study.planned("--config", "plugins=[../mine/plugins]") == {}
    (folder / "mine").rename(folder / "my")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "strategies/late.py",
            "def cuts(self, n_layers, strength):",
            r"late\.py: Late has cuts\(self, n_layers",
        ),
        (
            "strategies/uniform.py",
            None,
            r"'uniform' exists twice, in .*prunegrid/strategies/uniform\.py and .*my/p",
        ),
    ],
)
def test_a_mistake_is_told_before_the_run(
    study: Study, folder: Path, file: str, text: str | None, told: str
) -> None:
    late, path = folder / "my/plugins/strategies/late.py", folder / "my/plugins" / file
    old = late.read_text()
    path.write_text(re.sub(r"def cuts.*:", text, old) if text else old)
    output = study.run("--dry-run", check=False)
    path.unlink()
    late.write_text(old)
    assert re.search(told, output), output[-3000:]
    assert "Traceback" not in output
