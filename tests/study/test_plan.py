"""What is refused before the run, and what a key depends on."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid import plugins
from prunegrid.errors import ConfigError, DataError
from prunegrid.pruning.schedule import Schedule
from prunegrid.source.imports import PACKAGE
from prunegrid.study import grid
from prunegrid.study.config import validate
from prunegrid.study.fingerprint import Code
from prunegrid.study.grid import criterion_parts, needs_answer
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_inputs
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration


def plan(tmp_path, monkeypatch, **changes):
    monkeypatch.chdir(tmp_path)
    specs = {"model_specs": {"m": {"path": str(HOME / "demo/model")}}}
    return Plan(validate(configuration(**{**specs, **changes}), SCHEMA), HOME)


def test_missing_data_is_named_before_the_run(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"benchmark_specs\.b: .*data\.parquet"):
        check_inputs(plan(tmp_path, monkeypatch).inputs)


def test_missing_columns_are_named_before_the_run(tmp_path, monkeypatch):
    pq.write_table(pa.table({"question": ["?"], "answr": ["yes"]}), tmp_path / "data.parquet")
    with pytest.raises(DataError, match=r"answer .*Found: .*answr"):
        check_inputs(plan(tmp_path, monkeypatch).inputs)


def test_missing_model_is_named_before_the_run(tmp_path, monkeypatch):
    missing = {"m": {"path": "models/not/here", "layers": 8}}
    with pytest.raises(ConfigError, match=r"model_specs\.m\.path: .*not/here"):
        check_inputs(plan(tmp_path, monkeypatch, model_specs=missing).inputs)


def test_a_model_of_an_unsupported_family_is_refused_before_the_run(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text('{"model_type": "llava_nxt"}')
    specs = {"m": {"path": "model", "layers": 8}}
    told = r"model_specs\.m\.path: model type 'llava_nxt' of model is not supported: did you mean 'llava_n"
    with pytest.raises(ConfigError, match=told):
        check_inputs(plan(tmp_path, monkeypatch, model_specs=specs).inputs)


def test_unknown_depth_is_asked_for(tmp_path, monkeypatch):
    hub = {"m": {"path": "owner/name"}}
    with pytest.raises(ConfigError, match=r"no folder here .*misspelt.* set `layers`"):
        plan(tmp_path, monkeypatch, model_specs=hub).inputs.layers("m")
    (tmp_path / "owner/name").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"a folder without it: .*set `layers`"):
        plan(tmp_path, monkeypatch, model_specs=hub).inputs.layers("m")


def data(path, **changes):
    """Write a POPE file whose first row is changed."""
    rows = worlds.rows_of("pope")
    rows[0].update(changes)
    return worlds.write(path, "pope", rows)


def test_keys_depend_on_what_matters(tmp_path, monkeypatch):
    data(tmp_path / "data.parquet")

    def keys(**changes):
        planned = plan(tmp_path, monkeypatch, **changes)
        return {cell.folder: planned.keys.prediction_key(cell) for cell in planned.grid.cells}

    base = keys()
    assert len(set(base.values())) == len(base)
    assert keys() == base
    assert keys(batch_size=3, shard_size=7, tables={"seed": 3}) == base
    fewer = keys(ratios=[0.65], criteria=["random"])
    assert fewer.items() <= base.items()
    deeper = {"hierarchical": {"options": {"layers": [0.25, 0.5]}}}
    changed = {folder for folder, key in keys(strategy_specs=deeper).items() if key != base[folder]}
    assert changed == {folder for folder in base if "/hierarchical/" in folder}
    needs = {"mem_mb": 16000, "runtime": 30, "gpus": 1}
    hints = {"m": {"path": str(HOME / "demo/model"), "image_tokens": 64, "layers": 8, "toy": True, **needs}}
    assert keys(model_specs=hints) == base
    for setting in (
        {"dtype": "bfloat16"},
        {"attn_implementation": "eager"},
        {"image_mode": "pad"},
        {"system_prompt": "vicuna_v1"},
        {"revision": "main"},
    ):
        other = keys(model_specs={"m": {"path": str(HOME / "demo/model"), **setting}})
        assert not set(other.values()) & set(base.values()), setting
    data(tmp_path / "data.parquet", question="Is there a cat?")
    assert not set(keys().values()) & set(base.values())


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_what_picks_unranked_tokens_counts_where_it_picks_some(tmp_path, monkeypatch, kept):
    """A strategy of one's own may keep tokens that no criterion ranks; `exit` itself keeps none."""
    data(tmp_path / "data.parquet")
    half = lambda self, ratio, n_layers, **_: Schedule(n_layers, ((n_layers // 2, kept),))  # noqa: E731
    monkeypatch.setattr("prunegrid.strategies.exit.Exit.solve", half)
    # Schedules are remembered.
    grid._solve.cache_clear()

    def keys():
        planned = plan(tmp_path, monkeypatch, criteria=["random"])
        return {cell: planned.keys.prediction_key(cell) for cell in planned.grid.cells}

    before, path = keys(), plugins.path
    edited = tmp_path / "criteria/first.py"
    edited.parent.mkdir()
    edited.write_text(path("criteria", "first").read_text() + "EDITED = True\n")
    monkeypatch.setattr(plugins, "path", lambda *name: edited if name[1] == "first" else path(*name))
    changed = {cell.strategy for cell, key in keys().items() if key != before[cell]}
    grid._solve.cache_clear()
    assert changed == ({"exit"} if kept else set())


def test_a_familys_file_counts_for_the_models_of_that_family(tmp_path, monkeypatch):
    """It counts what their vision tower costs, so that their scores depend on it as predictions do."""
    data(tmp_path / "data.parquet")
    for name, config in (("l", "llava-1.5-7b-hf"), ("q", "qwen2-vl-2b")):
        (tmp_path / name).mkdir()
        shutil.copy(HOME / f"tests/fixtures/hub_configs/{config}.json", tmp_path / name / "config.json")

    def keys():
        specs = {"l": {"path": "l", "layers": 32}, "q": {"path": "q", "layers": 28}}
        planned = plan(tmp_path, monkeypatch, models=["l", "q"], model_specs=specs)
        return {
            cell: (planned.keys.prediction_key(cell), planned.keys.score_key(cell))
            for cell in planned.grid.cells
        }

    before, path = keys(), plugins.path
    edited = tmp_path / "models/llava.py"
    edited.parent.mkdir()
    source = path("models", "llava").read_text()
    assert "features * width + width**2" in source
    edited.write_text(source.replace("features * width + width**2", "features * width"))
    monkeypatch.setattr(plugins, "path", lambda *name: edited if name[1] == "llava" else path(*name))
    after = keys()
    assert before.keys() == after.keys()
    assert {cell.model for cell in before} == {"l", "q"}
    for cell, found in before.items():
        changed = [one != other for one, other in zip(found, after[cell], strict=True)]
        assert changed == [cell.model == "l"] * 2


@pytest.mark.parametrize("path", ["data-*.parquet", "~/data-0.parquet"])
def test_data_behind_patterns_and_at_home_counts(tmp_path, monkeypatch, path):
    monkeypatch.setenv("HOME", str(tmp_path))
    keys = set()
    for question in ("Is there a dog?", "Is there a cat?"):
        data(tmp_path / "data-0.parquet", question=question)
        planned = plan(tmp_path, monkeypatch, benchmark_specs={"b": {"adapter": "pope", "path": path}})
        keys.add(planned.keys.prediction_key(planned.grid.cells[0]))
    assert len(keys) == 2


def test_images_named_by_path_count(tmp_path, monkeypatch):
    row = {"image": "one.png", "question": "Is there a dog?", "answer": "yes"}
    (tmp_path / "data.jsonl").write_text(json.dumps(row))
    specs = {"b": {"adapter": "vqa", "path": "data.jsonl"}}
    keys = set()
    for number in range(2):
        (tmp_path / "one.png").write_bytes(worlds.picture(number)["bytes"])
        planned = plan(tmp_path, monkeypatch, benchmark_specs=specs)
        keys.add(planned.keys.prediction_key(planned.grid.cells[0]))
    assert len(keys) == 2


def test_cells_that_differ_by_name_alone_are_computed_once(tmp_path, monkeypatch):
    data(tmp_path / "data.parquet")
    specs = {"one": {"type": "uniform"}, "two": {"type": "uniform"}}
    planned = plan(
        tmp_path,
        monkeypatch,
        strategies=["one", "two"],
        strategy_specs=specs,
        criteria=["norm"],
        ratios=[0.5],
    )
    assert len(planned.grid.cells) == 3
    assert [cell.strategy for cells in planned.bundles("m").values() for cell in cells] == [
        "none",
        "one",
    ]


def test_code_of_predictions_is_not_that_of_scores():
    files = {
        path.relative_to(PACKAGE).as_posix() for path in Code().closure(PACKAGE / "predict/predict_cells.py")
    }
    assert files >= {
        "pruning/context.py",
        "pruning/prefix_sharing.py",
        "predict/batches.py",
        "predict/prompts.py",
        "predict/feature_cache.py",
        "predict/swapped_images.py",
    }
    others = ("study/", "jobs/", "cost/", "scoring/", "tables/", "criteria/", "strategies/", "statistics/")
    assert not {file for file in files if file.startswith(others)}


def test_nested_criteria_count(tmp_path, monkeypatch):
    data(tmp_path / "data.parquet")
    specs = {"mixed": {"type": "staged", "options": {"shallow": "attention", "deep": "gradient"}}}
    planned = plan(tmp_path, monkeypatch, criteria=["mixed"], criterion_specs=specs)
    assert set(criterion_parts(planned.config, "mixed")) == {
        "staged",
        "attention",
        "attention_shallow",
        "attention_deep",
        "gradient",
    }
    assert needs_answer(planned.config, "mixed")


def merges(ways):
    options = {"parts": ["norm", "random"], "merges": ways}
    return {"criteria": ["staged"], "criterion_specs": {"staged": {"options": options}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"criterion_specs": {"norm": {"options": {"reverse": "perhaps"}}}},
            "'perhaps' is not true or false",
        ),
        (
            {"criterion_specs": {"norm": {"options": {"merge": "mean"}}}},
            "norm.options.merge: 'mean' is not one of drop, average, recycle, weighted",
        ),
        (
            {"criterion_specs": {"norm": {"options": {"merge": "weighted"}}}},
            "norm.options.merge: weighted adds tokens up as the criterion says, and 'norm' says nothing",
        ),
        (
            {"criteria": ["diversity"], "criterion_specs": {"diversity": {"options": {"merge": "recycle"}}}},
            "criterion 'diversity' selects sets, without scores: drop or average",
        ),
        (
            merges(["average"]),
            r"merges: \['average'\] is one for each of \['norm', 'random'\]",
        ),
        (merges(["average", "add"]), r"merges: 'add' is not one of drop, average, recycle, weighted"),
        (merges(["average", "weighted"]), r"merges: weighted adds .*, and 'random' says nothing of it"),
        ({"strategy_specs": {"single": {"options": {"layer": [2]}}}}, r"\[2\] is not a number"),
        ({"strategy_specs": {"hierarchical": {"options": {"layers": ["a"]}}}}, "is not a list of numbers"),
        ({"strategy_specs": {"none": {"type": "uniform"}}}, "the name 'none' is taken"),
        (
            {"benchmark_specs": {"b": {"adapter": "pope", "path": "x"}, "pop": {"limit": 3}}},
            "benchmark_specs: 'pop' is used nowhere: did you mean 'pope'",
        ),
        ({"ratios": [float("nan")]}, "ratios: nan is no number that can be computed with"),
        ({"tables": {"accuracy_margin": float("inf")}}, r"tables\.accuracy_margin: inf is no number"),
        (
            {"strategy_specs": {"hierarchical": {"options": {"layers": [float("nan"), 0.5]}}}},
            "options.layers: nan is no number",
        ),
        ({"criterion_specs": {5: {"type": "norm"}}}, "criterion_specs.5: the name 5 is no text: put it in"),
        ({"model_specs": {"m": {"path": "x", "device_map": "gpu"}}}, "device_map: 'gpu' does not match"),
        ({"model_specs": {"m": {"path": "x", "attn_implementation": "flash"}}}, "'flash' does not match"),
        ({"benchmark_specs": {"b": {"adapter": "pope", "split": []}}}, r"split: \[\] should be non-empty"),
        ({"tables": {"reference_criterion": "atention"}}, "did you mean 'attention'"),
        (
            {"criteria": ["nrom"], "criterion_specs": {"norm": {}}},
            "did you mean 'norm'.* last, norm, norm_input",
        ),
        (
            {"benchmark_specs": {"b": {"adapter": "pope", "path": "x.jsonl", "metrics": ["bleu"]}}},
            "b.metrics: unknown metric 'bleu': valid: none",
        ),
        (
            {"benchmark_specs": {"b": {"adapter": "caption", "path": "x.jsonl", "metrics": ["bluo"]}}},
            "b.metrics: unknown metric 'bluo': did you mean 'bleu'.*valid: bleu, meteor, rouge",
        ),
    ],
)
def test_what_would_fail_later_is_refused_now(tmp_path, monkeypatch, changes, message):
    with pytest.raises(ConfigError, match=message):
        plan(
            tmp_path,
            monkeypatch,
            **{"strategies": ["hierarchical", "single"], "criteria": ["norm"], **changes},
        )


def test_options_from_the_command_line_are_converted(tmp_path, monkeypatch):
    specs = {"norm": {"options": {"reverse": "false"}}}
    planned = plan(tmp_path, monkeypatch, criteria=["norm"], criterion_specs=specs)
    assert planned.config["criterion_specs"]["norm"]["options"] == {"reverse": False}


@pytest.mark.parametrize(("given", "meant"), [("auto", "auto"), ("8", 8), (8, 8)])
def test_a_batch_is_a_number_or_auto(tmp_path, monkeypatch, given, meant):
    config = plan(tmp_path, monkeypatch, criteria=["norm"], batch_size=given).config
    assert config["batch_size"] == meant
    with pytest.raises(ConfigError, match=r"batch_size: 'atuo' does not match .*auto"):
        plan(tmp_path, monkeypatch, criteria=["norm"], batch_size="atuo")


def test_layers_that_contradict_the_model_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"layers is 32, but its config\.json tells 8"):
        plan(
            tmp_path, monkeypatch, model_specs={"m": {"path": str(HOME / "demo/model"), "layers": 32}}
        ).inputs.layers("m")


def test_a_replaced_picture_in_a_struct_counts(tmp_path, monkeypatch):
    """`datasets` stores images on disk as {bytes: null, path}."""
    rows = [{**row, "image": {"bytes": None, "path": "one.png"}} for row in worlds.rows_of("pope")]
    worlds.write(tmp_path / "data.parquet", "pope", rows)
    keys = set()
    for number in range(2):
        (tmp_path / "one.png").write_bytes(worlds.picture(number)["bytes"])
        planned = plan(tmp_path, monkeypatch)
        keys.add(planned.keys.prediction_key(planned.grid.cells[0]))
    assert len(keys) == 2


def test_whole_numbers_of_the_configuration_may_have_a_point(tmp_path, monkeypatch):
    whole = {
        "batch_size": 2.0,
        "shard_size": 3.0,
        "seeds": [1.0],
        "criterion_specs": {"random": {"n_seeds": 2.0}},
    }
    planned = plan(tmp_path, monkeypatch, **whole)
    assert [planned.config[key] for key in ("batch_size", "shard_size", "seeds")] == [2, 3, [1]]
    assert "2.0" not in str(planned.config)
    assert planned.grid.cells


def test_repeated_ids_are_named_before_the_run(tmp_path, monkeypatch):
    """As in sets of one caption a row, which have five rows a picture."""
    rows = worlds.rows_of("nocaps", 6)
    rows[4]["image_id"] = 1
    worlds.write(tmp_path / "captions.parquet", "nocaps", rows)
    specs = {"b": {"adapter": "nocaps", "path": "captions.parquet"}}
    told = r"benchmark_specs\.b: captions\.parquet: row 4 has the sample id .1. of row 1: ids must be unique"
    planned = plan(tmp_path, monkeypatch, benchmark_specs=specs)
    with pytest.raises(DataError, match=told):
        check_inputs(planned.inputs)
    specs["b"]["limit"] = 4
    assert check_inputs(plan(tmp_path, monkeypatch, benchmark_specs=specs).inputs) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_mismatched_is_left_out_where_there_is_one_picture(tmp_path, monkeypatch, limit):
    """Two questions of POPE are about one picture."""
    worlds.write(tmp_path / "data.parquet", "pope")
    spec = {"adapter": "pope", "path": "data.parquet"}
    specs = {"b": spec, "c": {**spec, "limit": limit}}
    planned = plan(tmp_path, monkeypatch, benchmarks=["b", "c"], benchmark_specs=specs)
    swapping = [cell.benchmark for cell in planned.grid.cells if cell.strategy == "mismatched"]
    left_out = [(row.benchmark, row.strategy) for row in planned.grid.unreachable]
    if limit == 3:
        assert (swapping, left_out) == (["b"] * 3 + ["c"] * 3, [])
        return
    assert (swapping, left_out) == (["b"] * 3, [("c", "mismatched")] * 3)
    assert "shows each question another picture, and c has no two" in planned.grid.unreachable[0].reason
    # A job plans anew, and has to find the same.
    assert Plan(planned.config, HOME).bundles("m") == planned.bundles("m")


def test_pictures_that_are_not_here_leave_nothing_out(tmp_path, monkeypatch):
    planned = plan(tmp_path, monkeypatch)
    assert "mismatched" in {cell.strategy for cell in planned.grid.cells}
    rows = worlds.rows_of("pope", 4)
    for row in rows[:3]:
        row["image"] = {"bytes": b"no image", "path": None}
    worlds.write(tmp_path / "data.parquet", "pope", rows)
    reasons = {row.strategy: row.reason for row in plan(tmp_path, monkeypatch).grid.unreachable}
    assert list(reasons) == ["mismatched"]
