"""`prunegrid.load`: the cells and samples of a study, against the files that a study leaves."""

import json
import random
import shutil
from operator import attrgetter, methodcaller
from pathlib import Path

import pandas as pd
import pytest

import prunegrid
from prunegrid.errors import DataError
from prunegrid.files import file_state
from prunegrid.results import load as loading
from prunegrid.scoring.score import score_cells, write_scores
from prunegrid.tables.cells import AXES, read_cells, write_cells
from tests.results.flipped import damaged
from tests.tables import worlds
from tests.workflow.faults import check


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return the folder of a scored study of several benchmarks, and its cells."""
    folder = tmp_path_factory.mktemp("study")
    cells = worlds.grid(folder, 12, list(worlds.SCORERS), [0.5], [0, 1], ("single", "attention_shallow"))
    for benchmark, scorer in worlds.SCORERS.items():
        own = {cell["folder"]: cell for cell in cells if cell["benchmark"] == benchmark}
        files = {path: Path(path, "predictions.parquet") for path in own}
        for path, scores in score_cells(scorer, files, replicates=20):
            write_scores(path, scores, worlds.ledger(own[path]))
    write_cells(read_cells(cells), folder / "demo/tables/cells.csv")
    return folder, cells


@pytest.fixture
def results(study):
    return prunegrid.load(study[0])


def test_cells_are_those_of_cells_csv(study, results, tmp_path):
    _, cells = study
    write_cells(read_cells(cells), tmp_path / "cells.csv")
    wanted = pd.read_csv(tmp_path / "cells.csv", keep_default_na=False, na_values=[""])
    found = results.cells
    assert set(found) == set(wanted)
    assert {"tflops_total", "ratio_achieved", "accuracy", "accuracy_low", "cider_high"} <= set(found)
    by = list(AXES)
    pd.testing.assert_frame_equal(
        found.sort_values(by, ignore_index=True), wanted[list(found)].sort_values(by, ignore_index=True)
    )
    assert str(len(cells)) in repr(results)


def test_a_folder_within_is_a_part(study, results):
    folder, cells = study
    cell = Path(cells[-1]["folder"])
    benchmark = cell.parents[3]
    for part in (folder / "demo", benchmark, cell.parents[2], cell.parents[1], cell.parent, cell):
        found = prunegrid.load(part).cells
        inside = [one for one in cells if Path(one["folder"]).is_relative_to(part)]
        assert len(found) == len(inside)
        wanted = {tuple(one[name] for name in AXES) for one in inside}
        assert set(found[list(AXES)].itertuples(index=False, name=None)) == wanted


def test_samples_are_predictions_with_their_scores(study, results):
    _, cells = study
    table = results.samples()
    assert not set(loading.LISTS) & set(table)
    assert list(table)[: len(AXES) + 1] == [*AXES, "sample_id"]
    assert len(table) == results.cells["n"].sum()
    assert not table.duplicated([*AXES, "sample_id"]).any()
    for cell in cells:
        chosen = table[(table[list(AXES)] == [cell[name] for name in AXES]).all(axis=1)]
        predictions = pd.read_parquet(Path(cell["folder"], "predictions.parquet"))
        scores = pd.read_parquet(Path(cell["folder"], "scores.parquet"))
        assert chosen["prediction"].tolist() == predictions["prediction"].tolist()
        by_id = chosen.set_index("sample_id")
        for name in set(scores) - {"sample_id", "image_id", "status"}:
            found = by_id.loc[scores["sample_id"], name]
            assert found.isna().tolist() == scores[name].isna().tolist()
            assert found.dropna().tolist() == scores[name].dropna().tolist()


def test_some_columns_of_some_cells(results):
    chosen = results.cells.query("strategy == 'hierarchical' and seed == 0")
    assert 0 < len(chosen) < len(results.cells)
    table = results.samples(chosen, ["score", "token_depth"])
    assert list(table) == [*AXES, "sample_id", "token_depth", "score"]
    assert len(table) == chosen["n"].sum()
    assert set(table["strategy"]) == {"hierarchical"}
    frames = list(results.each(chosen, ["score"]))
    assert [len(frame) for frame in frames] == chosen["n"].tolist()
    assert {"prediction", "token_depth", "score", "cider", "parsed_answer"} <= set(results.columns(chosen))


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda of: of.samples(columns=["scor"]), "no cell has a column 'scor': did you mean 'score'"),
        (lambda of: of.samples(of.cells[:0]), "no cell is chosen"),
        (
            lambda of: of.samples(of.cells[["model", "seed"]]),
            "lack column benchmark, strategy",
        ),
        (lambda of: of.samples(of.cells.assign(seed=7)), "/7 is none of these 92 cells"),
    ],
)
def test_what_is_not_there_is_refused(results, ask, match):
    with pytest.raises(DataError, match=match):
        ask(results)


def test_cells_of_two_matchings_are_told_apart(study, tmp_path):
    """Those of total compute lie in folders of their own, and no other study has the column."""
    _, cells = study
    both = []
    for cell in (one for one in cells if one["strategy"] in ("none", "uniform", "random")):
        place = tmp_path / "demo" / Path(cell["folder"]).relative_to(study[0] / "demo")
        for match, folder in (
            ("share", place),
            ("tflops_total", place.parent.with_name(f"{place.parent.name}-tflops_total") / place.name),
        ):
            if cell["ratio"] or match == "share":
                shutil.copytree(cell["folder"], folder)
                both.append({**cell, "folder": str(folder), "match": match if cell["ratio"] else ""})
    file = tmp_path / "demo/tables/cells.csv"
    write_cells(read_cells(both), file)
    results = prunegrid.load(tmp_path)
    wanted = pd.read_csv(file, keep_default_na=False, na_values=[""], dtype={"match": str})
    by = [*AXES, "match"]
    wanted["match"] = wanted["match"].fillna("")
    assert list(results.cells)[: len(by)] == by == list(wanted)[: len(by)]
    pd.testing.assert_frame_equal(
        results.cells.sort_values(by, ignore_index=True),
        wanted[list(results.cells)].sort_values(by, ignore_index=True),
    )
    total = results.cells.query("match == 'tflops_total' and seed == 1")
    assert 0 < len(total) < len(results.cells) / 2
    assert set(results.samples(total, ["score"])["match"]) == {"tflops_total"}
    assert "match" not in prunegrid.load(study[0]).cells


def test_a_study_without_tables_is_said_to_be_unfinished(study, tmp_path, recwarn):
    """Its cells are there all the same; a part of a study, and a whole one, are no news."""
    folder, cells = study
    prunegrid.load(folder)
    prunegrid.load(folder / "demo")
    prunegrid.load(folder / "demo/easy")
    assert not recwarn.list
    copy = tmp_path / Path(cells[0]["folder"]).relative_to(folder)
    shutil.copytree(cells[0]["folder"], copy)
    for place in (tmp_path, tmp_path / "demo"):
        with pytest.warns(
            UserWarning, match=r"demo has no tables/cells\.csv: .* `snakemake --cores 1 status`"
        ):
            assert len(prunegrid.load(place).cells) == 1


def test_pandas_reads_many_cells_where_their_files_are_listed(study, results):
    """As docs/interface.md says: a folder of cells holds other files, too."""
    folder, _ = study
    chosen = results.cells.query("benchmark == 'easy' and strategy == 'uniform'")
    files = sorted((folder / "demo/easy/uniform").glob("*/*/*/predictions.parquet"))
    assert len(pd.read_parquet(files)) == chosen["n"].sum()


def test_a_folder_without_results_says_what_it_lacks(study, tmp_path):
    with pytest.raises(DataError, match="nowhere is no folder: give a study's results_dir"):
        prunegrid.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no scored cell .*, found none: give the"):
        prunegrid.load(tmp_path)
    cell = Path(study[1][0]["folder"])
    there = tmp_path / cell.relative_to(study[0])
    there.mkdir(parents=True)
    shutil.copy(cell / "predictions.parquet", there)
    with pytest.raises(DataError, match="found 1 cells that are predicted and not scored"):
        prunegrid.load(tmp_path)


@pytest.mark.filterwarnings("ignore:.*has no tables")
@pytest.mark.parametrize("name", ["scores.json", "scores.parquet", "predictions.parquet"])
def test_a_broken_file_is_named(study, tmp_path, name):
    cell = Path(study[1][0]["folder"])
    there = tmp_path / cell.relative_to(study[0])
    shutil.copytree(cell, there)
    (there / name).write_text("{")
    results = prunegrid.load(tmp_path)
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        _ = results.cells if name == "scores.json" else results.samples()


@pytest.mark.filterwarnings("ignore:.*has no tables")
def test_where_the_store_is_any_flipped_bit_is_refused(study, tmp_path):
    """The store has the checksums of what was finished."""
    _, cells = study
    cell = Path(cells[0]["folder"])
    folder = tmp_path / cell.relative_to(study[0])
    shutil.copytree(cell, folder)
    files = [folder / name for name in ("predictions.parquet", "scores.json", "scores.parquet")]
    told = folder.parents[3] / ".store/scores/key/checksums.json"
    told.parent.mkdir(parents=True)
    told.write_text(json.dumps({file.name: file_state(file) for file in files}))
    whole = prunegrid.load(tmp_path)
    assert len(whole.samples()) == whole.cells["n"].sum()
    chosen = random.Random(8)
    for file in files:
        reads = attrgetter("cells") if file.suffix == ".json" else methodcaller("samples")
        for _ in range(20):
            with damaged(file, chosen), pytest.raises(DataError, match=f"^{file} ") as told:
                reads(prunegrid.load(tmp_path))
            check("a file is edited that `prunegrid.load` reads", str(told.value))
