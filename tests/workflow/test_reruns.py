"""What runs again after a change, and that nothing else does: one study, changed step by step."""

import json
import re
import shutil

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.results.predictions import SCHEMA, read_metadata
from tests.docs import columns
from tests.workflow.changes import CHANGES, CRITERION, FURTHER, table
from tests.workflow.faults import check
from tests.workflow.kills import kill_after, temporary
from tests.workflow.study import Study

CONFIG = {
    "benchmarks": ["shapes-pope", "shapes-caption"],
    "benchmark_specs": {"shapes-pope": {"limit": 8}, "shapes-caption": {"limit": 4}},
    "strategies": ["hierarchical", "uniform", "blind"],
    "criteria": ["attention", "norm", "random"],
    "ratios": [0.505],
    "seeds": [0, 1],
    "bundle_size": 60,
    "tables": {"replicates": 200},
}
# none, blind; two strategies x (attention, norm, random at two seeds)
PER_BENCHMARK = 2 + 2 * 4
DRAWN = dict.fromkeys(
    ("collect_samples", "plot_differences", "plot_survival", "plot_tradeoff", "write_report"), 1
)
AFTER_SCORES = {"build_tables": 1, **DRAWN}
# What comes after is drawn anew whatever it was that changed the tables.
TABLES = ("--until", "build_tables")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("reruns") / "project", CONFIG)
    study.run()
    return study


def test_every_cell_has_its_files(study):
    cells = study.cells()
    assert len(cells) == 2 * PER_BENCHMARK
    for name, file in cells.items():
        table = pq.read_table(file, partitioning=None)
        assert table.schema.remove_metadata().equals(SCHEMA.remove_metadata()), name
        metadata = json.loads(table.schema.metadata[b"prunegrid"])
        assert f"/{metadata['cell']['strategy']}/" in f"/{name}/"
        scores = json.loads(file.with_name("scores.json").read_text())
        assert scores["n"] == table.num_rows == (8 if "pope" in name else 4)
        assert scores["n_error"] == 0
        assert ("cider" in scores["metrics"]) == ("caption" in name)
        compute = scores["compute"]
        parts = [compute[f"tflops_{part}"] for part in ("prefill", "vision", "scoring", "decode")]
        assert compute["tflops_total"] == pytest.approx(sum(parts))
        if "ratio-0.505" in name:
            assert compute["ratio_achieved"] == pytest.approx(0.505, abs=0.005)
    tables = study.folder / "results/demo/tables"
    assert len(pd.read_csv(tables / "cells.csv")) == len(cells)
    for table in ("strategy", "criterion"):
        for ending in ("csv", "md", "tex", "html"):
            assert (tables / f"{table}.{ending}").stat().st_size > 200
    assert (study.folder / "results/report.html").stat().st_size > 10_000


def test_nothing_runs_twice(study):
    assert study.planned() == {}


def test_a_job_asks_for_what_its_model_needs(study):
    needs = "model_specs={demo: {mem_mb: 16000, runtime: 30, gpus: 2}}"
    output = study.run("--dry-run", "--logger-prunegrid-full", "--config", needs, "ratios=[0.7]")
    assert study.planned("--config", needs) == {}, "the needs of a job are no reason to run it again"
    asked = re.findall(r"rule predict:.*?resources: (.*?)\n", output, re.S)
    assert len(asked) == 1, output[-3000:]
    assert all("mem_mb=16000" in a and "runtime=30" in a and "gpu=2" in a for a in asked), asked


def test_a_new_ratio_adds_its_cells_only(study):
    before = study.stamps()
    study.configure(ratios=[0.505, 0.6])
    new = PER_BENCHMARK - 2
    assert study.planned() == {"predict": 1, "score": 1, "publish": 2 * new, **AFTER_SCORES}
    study.run()
    after = study.stamps()
    assert {name: after[name] for name in before} == before
    assert {name for name in after if name not in before} == {n for n in after if "ratio-0.600" in n}
    assert len(after) == len(before) + 2 * new
    assert study.planned() == {}


def test_columns_are_those_of_the_dictionary(study):
    assert columns.faults_of_run(study.folder / "results/demo") == []


@pytest.fixture(scope="module")
def wider(study):
    """The study with both ratios, as docs/reruns.md has it."""
    if not any("ratio-0.600" in name for name in study.cells()):
        study.configure(ratios=[0.505, 0.6])
        study.run()
    return study


def test_the_document_lists_what_is_tested():
    assert list(table()) == list(CHANGES)


def marked(change):
    """Return a change, marked where another one, or a test below, asks the same of other files."""
    return pytest.param(change, marks=[pytest.mark.exhaustive] * (change in FURTHER))


@pytest.mark.parametrize("change", map(marked, CHANGES))
def test_a_change_runs_what_the_document_says(wider, change):
    with CHANGES[change](wider):
        planned = wider.planned()
    assert ("render_benchmark" in planned) == ("draws" in change)
    planned.pop("render_benchmark", None)
    numbers = [planned.pop(rule, 0) for rule in ("predict", "score", "publish", "build_tables")]
    assert set(planned) <= set(DRAWN)
    assert [*numbers, sum(planned.values())] == table()[change]


def test_an_edited_criterion_recomputes_its_cells_only(study):
    before = study.stamps()
    file = study.folder / "src/prunegrid/criteria/norm.py"
    file.write_text(file.read_text().replace("norm(dim=-1)", "norm(p=1, dim=-1)"))
    touched = {name for name in before if "/norm/" in name}
    assert study.planned() == {"predict": 1, "score": 1, "publish": len(touched), **AFTER_SCORES}
    study.run(*TABLES)
    log = study.log()
    assert log.count("uniform x norm") == 4  # two benchmarks, two ratios
    assert "x attention" not in log
    after = study.stamps()
    assert {name for name in after if after[name] != before[name]} == touched
    assert study.planned() == DRAWN


def test_an_edited_scorer_scores_anew_without_the_model(study):
    before, cells = study.stamps(), study.cells()
    own = {name for name in cells if "pope" in name}
    old = {name: cells[name].with_name("scores.json").read_text() for name in cells}
    file = study.folder / "src/prunegrid/scoring/answers/yesno.py"
    # Whatever scores now must not have loaded what predicts.
    check = 'import sys\n\nassert not {"torch", "transformers"} & set(sys.modules)\n'
    text = file.read_text().replace(
        'return "no" if {"No", "not", "no"} & set(words) else "yes"', 'return "no"'
    )
    head, rest = text.split('"""\n', 1)
    file.write_text(f'{head}"""\n\n{check}{rest}')
    assert study.planned() == {"score": 1, "publish": len(own), **AFTER_SCORES}
    study.run(*TABLES)
    # The files are the same ones; Snakemake touches what a job has published again.
    assert {name: stamp[0] for name, stamp in study.stamps().items()} == {n: s[0] for n, s in before.items()}
    for name in cells:
        scores = json.loads(cells[name].with_name("scores.json").read_text())
        if name in own:
            assert scores["metrics"]["yes_ratio"]["value"] == 0
        else:
            assert scores == json.loads(old[name])
    assert study.planned() == DRAWN


def test_a_deleted_cell_comes_back_alone(study):
    before = study.stamps()
    name = "demo/shapes-pope/uniform/norm/ratio-0.600/seed-0"
    content = study.cells()[name].read_bytes()
    shutil.rmtree(study.folder / "results" / name)
    assert study.planned() == {"publish": 1, **AFTER_SCORES}
    study.run(*TABLES)
    assert study.cells()[name].read_bytes() == content
    after = study.stamps()
    assert {n for n in after if after[n] != before[n]} <= {name}


def test_a_lost_store_is_noticed(study):
    store = study.folder / "results/demo/shapes-pope/.store"
    file = study.cells()["demo/shapes-pope/blind/none/ratio-0.000/seed-0"]
    kept = pq.read_table(file, partitioning=None)
    key = json.loads(kept.schema.metadata[b"prunegrid"])["key"]
    (store / f"{key}.parquet").unlink()
    shutil.rmtree(file.parent)
    left = sorted(store.rglob("*"))
    assert study.planned() == {"predict": 1, "score": 1, "publish": 1, **AFTER_SCORES}
    assert sorted(store.rglob("*")) == left
    study.run(*TABLES)
    assert "blind, ratio 0.000" in study.log()
    assert pq.read_table(file, partitioning=None).equals(kept)


def test_an_edited_file_is_never_tabulated(study):
    """An edit in place reaches the store, because published files are links to it."""
    file = study.cells()["demo/shapes-pope/uniform/norm/ratio-0.600/seed-0"]
    kept = pq.read_table(file, partitioning=None)
    answers = pa.array(["no"] * kept.num_rows, pa.string())
    pq.write_table(kept.set_column(kept.schema.get_field_index("prediction"), "prediction", answers), file)
    tables = (study.folder / "results/demo/tables/cells.csv").read_bytes()
    output = study.run(*TABLES, check=False)
    told = re.search(r"DataError: (\S+) was changed after it was finished.*delete (.*) and run again", output)
    assert told, output[-3000:]
    assert told.group(1) == str(file.relative_to(study.folder))
    assert "Traceback" not in output
    for path in told.group(2).split(" and "):
        path = study.folder / path
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    study.run(*TABLES)
    again = pq.read_table(file, partitioning=None)
    assert again.equals(kept)
    assert (study.folder / "results/demo/tables/cells.csv").read_bytes() == tables
    assert study.planned() == DRAWN


def test_one_file_adds_a_criterion(study):
    before = study.stamps()
    (study.folder / "src/prunegrid/criteria/distance.py").write_text(CRITERION)
    study.configure(criteria=["attention", "norm", "random", "distance"])
    new = 2 * 2 * 2  # benchmarks, strategies, ratios
    assert study.planned() == {"predict": 1, "score": 1, "publish": new, **AFTER_SCORES}
    study.run(*TABLES)
    after = study.stamps()
    assert {name: after[name] for name in before} == before
    rows = pd.read_csv(study.folder / "results/demo/tables/cells.csv")
    assert (rows["criterion"] == "distance").sum() == new
    assert "distance" in (study.folder / "results/demo/tables/criterion.md").read_text()


def test_mistakes_end_without_a_traceback(study):
    output = study.run("--dry-run", "--config", "criteria=[atention]", check=False)
    assert "did you mean 'attention'" in output
    assert "Traceback" not in output
    outside = "results/demo/shapes-pope/uniform/norm/ratio-0.900/seed-0/scores.json"
    output = study.run("--dry-run", outside, check=False)
    assert outside in output
    assert "MissingRuleException" in output
    assert "Traceback" not in output


def test_a_killed_run_ends_with_the_same_results(study, tmp_path):
    again = Study(tmp_path / "project", {**CONFIG, "shard_size": 3})
    store = again.folder / "results/demo/shapes-pope/.store"
    assert again.kill_when(lambda: len(list(store.glob("*/*.parquet"))) >= 4)
    assert not list(store.glob("*.parquet"))
    again.run("--unlock")
    written = {file: file.stat().st_mtime_ns for file in store.glob("*/0*.parquet")}
    assert written
    assert kill_after(again, "score", 0.2)
    assert 0 < again.log().count("hierarchical x attention, ratio 0.505") < 3 * 2 + 2
    again.run("--unlock")
    assert kill_after(again, "figures", 0.5)
    again.run("--unlock")
    data = again.folder / "resources/demo/shapes-pope.parquet"
    drawn = data.read_bytes()
    data.write_bytes(drawn[:2000] + bytes([drawn[2000] ^ 1]) + drawn[2001:])
    check("a file that the demo draws is edited or damaged", again.run())
    assert data.read_bytes() == drawn
    assert again.planned() == {}
    assert not temporary(again.folder)
    for name, file in again.cells().items():
        if "/norm/" not in name:
            ours, first = (pq.read_table(f, partitioning=None) for f in (file, study.cells()[name]))
            for column in ("sample_id", "prediction", "token_depth", "first_token_id", "n_generated"):
                assert ours[column].equals(first[column]), (name, column)


def test_equal_total_compute_reruns_what_gets_another_schedule(study):
    before = study.stamps()
    study.configure(
        match="tflops_total",
        benchmarks=["shapes-pope"],
        criteria=["attention", "norm", "gradient"],
        compute_plan={"text_before": 3, "text_after": 16},
    )
    study.run(*TABLES)
    rows = pd.read_csv(study.folder / "results/demo/tables/cells.csv", keep_default_na=False)
    ranked = rows[rows.strategy.isin(["hierarchical", "uniform"])]
    assert {*zip(ranked.strategy, ranked.criterion, strict=True)} == {
        (s, c) for s in ("hierarchical", "uniform") for c in ("attention", "norm")
    }
    for _, same in ranked.groupby("ratio"):
        target = same.loc[(same.strategy == "hierarchical") & (same.criterion == "attention"), "tflops_total"]
        # Real prompts are not of the assumed length, and 64 tokens round.
        assert (same.tflops_total / target.item() - 1).abs().max() < 0.01
    table = pd.read_csv(study.folder / "results/demo/tables/criterion.csv")
    out = table[table.criterion == "gradient"]
    assert len(out)
    assert out.unreachable.str.contains("scoring alone takes").all()
    after = study.stamps()
    kept = [
        n
        for n in before
        if "shapes-pope" in n and (("/attention/" in n and "hierarchical" in n) or "/none/" in n)
    ]
    assert {n: after[n][0] for n in kept} == {n: before[n][0] for n in kept}
    moved = [n for n in before if "shapes-pope" in n and "/norm/" in n]
    assert all(after[n][0] != before[n][0] for n in moved)


def test_both_matchings_in_one_study_compute_only_what_neither_had(study):
    """All but `gradient` at equal share was computed by the tests before, and is only put in place."""
    study.configure(match=["share", "tflops_total"])
    store = study.folder / "results/demo/shapes-pope/.store"
    before = {*store.glob("*.parquet")}
    study.run(*TABLES)
    new = [read_metadata(file)["cell"] for file in {*store.glob("*.parquet")} - before]
    assert {(cell["strategy"], cell["criterion"], cell["match"]) for cell in new} == {
        ("hierarchical", "gradient", "share"),
        ("uniform", "gradient", "share"),
    }
    rows = pd.read_csv(study.folder / "results/demo/tables/cells.csv", keep_default_na=False)
    places = study.cells()
    for row in rows.to_dict("records"):
        own = "-tflops_total" if row["match"] == "tflops_total" else ""
        place = f"demo/{row['benchmark']}/{row['strategy']}/{row['criterion']}/ratio-{row['ratio']:.3f}{own}"
        assert f"{place}/seed-0" in places
    by_row = rows.set_index(["strategy", "criterion", "match", "ratio"]).tflops_total.sort_index()
    reference = by_row["hierarchical", "attention"]
    assert reference["share"].to_dict() == reference["tflops_total"].to_dict()
    assert {*by_row.loc["hierarchical", "gradient"].index.get_level_values("match")} == {"share"}
    assert (by_row["uniform", "norm", "share"] != by_row["uniform", "norm", "tflops_total"]).all()
    blocks = pd.read_csv(study.folder / "results/demo/tables/strategy.csv").block.unique()
    assert [block.split(", ", 1)[1] for block in blocks if block.startswith("criterion attention,")] == [
        f"ratio {ratio:g}, {equal}"
        for ratio in sorted({*rows.ratio} - {0})
        for equal in ("equal share of tokens", "equal total compute")
    ]
