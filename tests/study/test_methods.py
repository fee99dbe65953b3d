"""Methods by name: which cells they add, under which names, and what is refused."""

import pytest

from prunegrid import plugins
from prunegrid.axis_names import ON_BOTH_AXES, row_name
from prunegrid.errors import ConfigError
from prunegrid.plugin_folders import VARIABLE
from prunegrid.pruning.families import supported_models
from prunegrid.study.config import plugin_of, validate
from prunegrid.study.descriptions import describe_methods
from prunegrid.study.grid import expand
from prunegrid.study.plan import Plan
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration

METHODS = ["fastv", "himap", "vtw", "random_tokens"]
DEMO = {"m": {"path": str(HOME / "demo/model"), "image_tokens": 64}}


def of_methods(**changes):
    alone = {"strategies": [], "strategy_specs": {}, "criteria": [], "ratios": [0.5], "methods": METHODS}
    return configuration(**{**alone, **changes})


def rows(**changes):
    grid = expand(validate(of_methods(**changes), SCHEMA), {"m": 8})
    return [(cell.strategy, cell.criterion, cell.ratio, cell.seed) for cell in grid.cells]


def planned(tmp_path, monkeypatch, **changes):
    monkeypatch.chdir(tmp_path)
    return Plan(validate(of_methods(model_specs=DEMO, **changes), SCHEMA), HOME)


def test_each_method_adds_its_own_pair_alone():
    assert rows(seeds=[0, 1]) == [
        ("none", "none", 0.0, 0),
        ("fastv", "fastv", 0.5, 0),
        ("himap", "himap", 0.5, 0),
        ("vtw", "none", 0.5, 0),
        ("random_tokens", "random_tokens", 0.5, 0),
        ("random_tokens", "random_tokens", 0.5, 1),
    ]


def test_methods_stand_beside_a_grid_that_they_do_not_change():
    grid = {"strategies": ["uniform", "exit"], "criteria": ["attention", "norm"]}
    alone = rows(**grid, methods=[])
    assert rows(**grid, methods=["fastv"]) == [*alone, ("fastv", "fastv", 0.5, 0)]


def test_what_ranks_runs_upside_down_too():
    reversed_ = [row for row in rows(methods_reversed=True) if row[1].endswith("-reversed")]
    assert reversed_[:2] == [("fastv", "fastv-reversed", 0.5, 0), ("himap", "himap-reversed", 0.5, 0)]
    assert {row[0] for row in reversed_} == {"fastv", "himap", "random_tokens"}
    config = validate(of_methods(methods_reversed=True), SCHEMA)
    published = plugin_of(config, "criteria", "fastv")
    assert plugin_of(config, "criteria", "fastv-reversed") == (
        published[0],
        {**published[1], "reverse": True},
    )


def test_what_keeps_the_lowest_by_itself_keeps_the_highest_when_reversed():
    specs = {"fastv": {"criterion_options": {"reverse": True}}}
    config = validate(of_methods(methods=["fastv"], method_specs=specs, methods_reversed=True), SCHEMA)
    assert plugin_of(config, "criteria", "fastv")[1] == {"reverse": True}
    assert plugin_of(config, "criteria", "fastv-reversed")[1] == {"reverse": False}


def test_options_go_over_those_of_the_method_and_another_name_is_another_method():
    specs = {"fastv-k3": {"type": "fastv", "strategy_options": {"layer": "3"}}}
    config = validate(of_methods(methods=["fastv", "fastv-k3"], method_specs=specs), SCHEMA)
    assert plugin_of(config, "strategies", "fastv") == ("single", {"layer": 2})
    assert plugin_of(config, "strategies", "fastv-k3") == ("single", {"layer": 3})
    assert plugin_of(config, "criteria", "fastv-k3")[0] == "attention_last"


def test_a_configuration_may_be_validated_twice():
    once = validate(of_methods(methods_reversed=True), SCHEMA)
    assert validate(once, SCHEMA) == once


def test_seeds_of_a_random_method():
    specs = {"random_tokens": {"n_seeds": 4}}
    assert [row[3] for row in rows(methods=["random_tokens"], method_specs=specs)[1:]] == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match=r"method_specs\.fastv\.n_seeds: nothing of 'fastv' depends on a"):
        rows(method_specs={"fastv": {"n_seeds": 4}})


def test_cells_of_methods_are_excluded_by_name():
    found = rows(methods_reversed=True, exclude=[{"strategy": "fastv"}, {"criterion": "himap-reversed"}])
    assert {row[:2] for row in found} == {
        ("none", "none"),
        ("himap", "himap"),
        ("vtw", "none"),
        ("random_tokens", "random_tokens"),
        ("random_tokens", "random_tokens-reversed"),
    }


def test_a_budget_of_tokens_is_excluded_by_its_ratio():
    config = of_methods(ratios=[], tokens=[192, 64], methods=["fastv"], exclude=[{"ratio": 0.666667}])
    grid = expand(validate(config, SCHEMA), {"m": 32}, image_tokens=lambda model: 576)
    assert [(cell.strategy, cell.ratio) for cell in grid.cells] == [("none", 0.0), ("fastv", 0.888889)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"methods": ["fstv"]}, "methods: unknown name 'fstv': did you mean 'fastv'"),
        (
            {"methods": ["mine"], "method_specs": {"mine": {"type": "fastw"}}},
            r"method_specs\.mine\.type: unknown 'fastw': did you mean 'fastv'",
        ),
        ({"method_specs": {"fstv": {}}}, "method_specs: 'fstv' is used nowhere: did you mean 'fastv'"),
        ({"method_specs": {"fastv": {"options": {}}}}, "unknown key 'options': did you mean"),
        (
            {"method_specs": {"fastv": {"strategy_options": {"layr": 3}}}},
            r"strategy_specs\.fastv\.options: unknown option 'layr': did you mean 'layer'",
        ),
        (
            {"method_specs": {"vtw": {"criterion_options": {"reverse": True}}}},
            r"method_specs\.vtw\.criterion_options: 'vtw' has no criterion",
        ),
        (
            {"strategies": ["fastv"], "strategy_specs": {"fastv": {"type": "single"}}, "criteria": ["norm"]},
            r"methods: 'fastv' is one of the strategies, too: .*my-fastv: \{type: fastv\}",
        ),
        (
            {"criteria": ["fastv-reversed"], "criterion_specs": {"fastv-reversed": {"type": "norm"}}},
            "methods: 'fastv-reversed' is one of the criteria, too",
        ),
        (
            {"strategy_specs": {"fastv": {"options": {"layer": 3}}}},
            r"strategy_specs: 'fastv' is part of a method: give its options in method_specs\.fastv",
        ),
        ({"methods": []}, "strategies: is empty, and so is `methods`"),
        ({"ratios": []}, "ratios: is empty, and so is `tokens`"),
        ({"tables": {"reference_method": "fastw"}}, r"tables\.reference_method: unknown name 'fastw'"),
    ],
)
def test_mistakes_are_told(changes, told):
    with pytest.raises(ConfigError, match=told):
        rows(**changes)


@pytest.mark.parametrize(
    ("strategy", "criterion", "told"),
    [
        ("single", "", r"mine\.py: strategy 'single' ranks tokens: name a criterion"),
        ("exit", "criterion = 'norm'", r"mine\.py: strategy 'exit' ranks nothing: leave `criterion` out"),
        ("singel", "criterion = 'norm'", r"mine\.py: unknown strategy 'singel': did you mean 'single'"),
        ("single", "criterion = 'nrom'", r"mine\.py: unknown criterion 'nrom': did you mean 'norm'"),
        ("single", "criterion = 'norm'\n    titel = ''", "unknown attribute 'titel': did you mean 'title'"),
    ],
)
def test_mistakes_of_a_method_of_ones_own_are_told(tmp_path, monkeypatch, strategy, criterion, told):
    (tmp_path / "methods").mkdir()
    rest = f"strategy = {strategy!r}\n    {criterion}\n    exact = budget = 'all'"
    source = f"from prunegrid import Method\n\nclass Mine(Method):\n    title = paper = 'mine'\n    {rest}\n"
    (tmp_path / "methods/mine.py").write_text(source)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match=told):
        rows(methods=["mine"])


def test_the_same_computation_has_the_key_of_the_grid_and_is_computed_once(tmp_path, monkeypatch):
    worlds.write(tmp_path / "data.parquet", "pope", worlds.rows_of("pope"))
    plan = planned(
        tmp_path,
        monkeypatch,
        strategies=["single", "hierarchical"],
        strategy_specs={"hierarchical": {"options": {"layers": [0.0625, 0.25]}}},
        criteria=["attention", "attention_last"],
        methods=["fastv", "himap"],
        methods_reversed=True,
    )
    keys = {(cell.strategy, cell.criterion): plan.keys.prediction_key(cell) for cell in plan.grid.cells}
    # `single` has the layer of FastV by default, the method names it.
    assert keys["fastv", "fastv"] == keys["single", "attention_last"]
    assert keys["himap", "himap"] == keys["hierarchical", "attention"]
    assert len(set(keys.values())) == len(keys) - 2
    computed = [cell for bundle in plan.bundles("m").values() for cell in bundle]
    assert sorted(map(plan.keys.prediction_key, computed)) == sorted(set(keys.values()))
    assert plan.bundle_of(plan.grid.cells[-1]) in plan.bundles("m")


def test_an_option_of_the_default_value_changes_no_key_where_the_source_tells_it(tmp_path, monkeypatch):
    """Of a class that sets a default by an expression, the base's is not taken for it."""
    criteria = tmp_path / "own/criteria"
    criteria.mkdir(parents=True)
    head = "from dataclasses import dataclass\nfrom prunegrid.criteria import Norm\n\nUPSIDE_DOWN = True\n"
    for name, default in (("plain", "False"), ("turned", "UPSIDE_DOWN")):
        own = f"@dataclass(frozen=True, kw_only=True)\nclass Own(Norm):\n    reverse: bool = {default}\n"
        (criteria / f"{name}.py").write_text(f"{head}\n{own}")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own"))
    specs = {
        f"{name}-{value}": {"type": name, "options": {"reverse": value}}
        for name in ("plain", "turned")
        for value in (False, True)
    }
    study = {"strategies": ["uniform"], "criteria": ["plain", "turned", *specs], "criterion_specs": specs}
    plan = planned(tmp_path, monkeypatch, methods=[], **study)
    keys = {cell.criterion: plan.keys.settings_hash(cell) for cell in plan.grid.cells}
    assert keys["plain"] == keys["plain-False"] != keys["plain-True"]
    assert keys["turned"] != keys["turned-False"] != keys["turned-True"]


def test_equal_values_of_two_types_have_two_keys(tmp_path, monkeypatch):
    """A plug-in may tell 1 from 1.0 and True, alone or in a list."""
    criteria = tmp_path / "own/criteria"
    criteria.mkdir(parents=True)
    (criteria / "typed.py").write_text(
        "from dataclasses import dataclass\n\nfrom prunegrid.criteria import Norm\n\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Typed(Norm):\n    scale: object = 1.0\n"
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own"))
    values = [1, True, [1], [1.0], [True], {"a": 1}, {"a": 1.0}]
    specs = {f"c{i}": {"type": "typed", "options": {"scale": value}} for i, value in enumerate(values)}
    specs["same"] = {"type": "typed", "options": {"scale": 1.0}}
    study = {"strategies": ["uniform"], "criteria": ["typed", *specs], "criterion_specs": specs}
    plan = planned(tmp_path, monkeypatch, methods=[], **study)
    keys = {cell.criterion: plan.keys.settings_hash(cell) for cell in plan.grid.cells if cell.ratio}
    assert keys.pop("same") == keys["typed"]
    assert len(set(keys.values())) == len(keys) == len(values) + 1


def test_a_family_that_a_method_cannot_serve_is_left_out_with_the_reason(tmp_path, monkeypatch):
    described = plugins.describe("methods", "himap")
    monkeypatch.setitem(described, "cannot", {"llava": "its tower has no [CLS]"})
    plan = planned(tmp_path, monkeypatch, methods_reversed=True)
    assert not [cell for cell in plan.grid.cells if cell.strategy == "himap"]
    assert {(row.criterion, row.reason) for row in plan.grid.unreachable} == {
        ("himap", "himap cannot serve llava: its tower has no [CLS]"),
        ("himap-reversed", "himap cannot serve llava: its tower has no [CLS]"),
    }


def test_a_method_whose_layers_a_model_has_not_is_left_out_with_the_reason():
    specs = {"fastv": {"strategy_options": {"layer": 20}}}
    config = validate(of_methods(methods=["fastv", "himap"], method_specs=specs), SCHEMA)
    grid = expand(config, {"m": 8})
    assert {cell.strategy for cell in grid.cells} == {"none", "himap"}
    (row,) = grid.unreachable
    assert row.reason.startswith("fastv does not fit 8 layers: layer 20 is not among 0..7")


def test_labels_of_cells_and_rows(tmp_path, monkeypatch):
    plan = planned(tmp_path, monkeypatch, methods_reversed=True)
    assert {cell.method for cell in plan.grid.cells} == {
        *("none", "fastv", "fastv-reversed", "himap", "himap-reversed", "vtw"),
        *("random_tokens", "random_tokens-reversed"),
    }
    assert row_name("random", "random") == "random x random"
    assert row_name("single", "norm-reversed") == "single x norm-reversed"


def test_no_name_of_a_method_is_on_both_axes():
    both = set(plugins.names("strategies")) & set(plugins.names("criteria"))
    assert both == set(ON_BOTH_AXES)
    assert not both & set(plugins.names("methods"))


@pytest.mark.parametrize("name", plugins.names("methods"))
def test_what_a_method_declares_is_there(name):
    described = plugins.describe("methods", name)
    assert all(described[name] for name in ("title", "paper", "exact", "budget"))
    strategy = plugins.build("strategies", described["strategy"], described["strategy_options"])
    assert strategy.ranks == (described["criterion"] is not None)
    if described["criterion"] is not None:
        plugins.build("criteria", described["criterion"], described["criterion_options"])
    assert set(described["cannot"]) <= set(supported_models())


def test_the_tables_are_told_of_methods_and_budgets(tmp_path, monkeypatch):
    plan = planned(tmp_path, monkeypatch, ratios=[], tokens=[32], methods=["fastv"])
    told = describe_methods(plan, "m")
    assert told["budgets"] == [(0.5, "32 tokens")]
    assert told["methods"]["fastv"]["criterion"] == "attention_last"
