"""Methods through snakemake to their table, one of them from a file outside the checkout."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.study import Study

CONFIG = {
    "plugins": ["../my/plugins"],
    "benchmarks": ["shapes-pope", "easyvqa"],
    "benchmark_specs": {"shapes-pope": {"limit": 8}, "easyvqa": {"limit": 8}},
    "strategies": ["single"],
    "strategy_specs": {"single": {"options": {"layer": 2}}},
    "criteria": ["attention_last"],
    "methods": ["fastv", "far_late", "random_tokens"],
    "methods_reversed": True,
    "ratios": [],
    "tokens": [48, "K=2, R=50%"],
    "seeds": [0],
    "bundle_size": 60,
    "tables": {"replicates": 200},
}
# Budgets x (published, upside down), of each method.
ROWS_OF_ONE = 2 * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("methods")
    shutil.copytree(Path(__file__).with_name("outside"), folder / "my/plugins")
    return folder


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    study = Study(folder / "project", CONFIG)
    study.run()
    return study


def table(study: Study) -> pd.DataFrame:
    return pd.read_csv(study.folder / "results/demo/tables/methods.csv", keep_default_na=False)


def test_a_method_of_ones_own_joins_the_table(study: Study) -> None:
    rows = table(study)
    own = rows[rows["strategy"] == "far_late"]
    assert own["method"].tolist() == ["far_late", "far_late-reversed"] * 2
    assert own["strategy_type"].unique().tolist() == ["late"]
    assert (own["mean_image_tokens"].astype(float) - [48, 48, 40, 40]).abs().max() < 0.5
    assert own["kept"].astype(float).notna().all()
    assert "Far and late (not published), late x far" in (
        study.folder / "results/demo/tables/methods.md"
    ).read_text(encoding="utf-8")


def test_what_the_grid_has_too_is_computed_once(study: Study) -> None:
    stamps = study.stamps()
    fastv = {name: stamp for name, stamp in stamps.items() if "/fastv/fastv/" in name}
    assert len(fastv) == 4
    for name, stamp in fastv.items():
        assert stamps[name.replace("/fastv/fastv/", "/single/attention_last/")] == stamp


def test_the_page_has_the_table(study: Study) -> None:
    page = (study.folder / "results/report.html").read_text(encoding="utf-8")
    assert "Methods as published" in page
    assert "far_late-reversed" in page
    assert "48 tokens (ratio 0.25)" in page
    assert "Where and how much: strategies" in page
    assert study.planned() == {}


def test_a_method_more_computes_its_cells_alone(study: Study) -> None:
    more = [*CONFIG["methods"], "vtw"]
    planned = study.planned("--config", f"methods={more}".replace("'", ""))
    assert planned["publish"] == 2 * 2
    assert planned["build_tables"] == 1
    without = study.planned("--config", "methods=[fastv,random_tokens]")
    assert "predict" not in without
    assert without["build_tables"] == 1


def test_a_mistake_in_the_file_is_told_before_the_run(study: Study, folder: Path) -> None:
    file = folder / "my/plugins/methods/far_late.py"
    old = file.read_text()
    for text, by, told in (
        ('strategy = "late"', 'strategy = "lat"', "unknown strategy 'lat': did you mean 'late'"),
        ("budget = ", "budgte = ", "FarLate has the unknown attribute 'budgte': did you mean 'budget'"),
        ('"not published"', 'str("not published")', "write the value itself"),
    ):
        file.write_text(old.replace(text, by))
        output = study.run("--dry-run", check=False)
        file.write_text(old)
        assert told in output, output[-3000:]
        assert "Traceback" not in output


def test_the_page_of_methods_alone_asks_none_of_the_grids_questions(study: Study) -> None:
    """The last one: its page takes the place of the other's, of cells that are computed."""
    before = study.stamps()
    study.run("--config", "strategies=[]", "criteria=[]")
    assert study.stamps() == before
    page = (study.folder / "results/report.html").read_text(encoding="utf-8")
    assert "Methods as published" in page
    assert "average kept, to random_tokens" in page
    assert "Where and how much: strategies" not in page
    assert "No comparison could be made" not in page
