"""From configuration to cells."""

import random

import pytest
import yaml

from prunegrid.errors import ConfigError
from prunegrid.study.config import as_list, validate
from prunegrid.study.grid import expand
from tests.study.plans import HOME, SCHEMA, configuration


def cells(**changes):
    config = validate(configuration(**changes), SCHEMA)
    return expand(config, {"m": 8})


def test_a_fault_of_the_whole_configuration_does_not_say_so_twice():
    """The Snakefile prints faults under the line "configuration:"."""
    with pytest.raises(ConfigError, match=r"^unknown key 'strategis'"):
        validate(configuration(strategis=[]), SCHEMA)


def test_default_configuration_is_valid():
    validate(yaml.safe_load((HOME / "config.yaml").read_text()), SCHEMA)


def test_cells_are_multiplied_only_by_what_matters():
    found = {}
    for cell in cells().cells:
        found.setdefault((cell.strategy, cell.criterion), []).append((cell.ratio, cell.seed))
    seeds, ratios = [0, 1, 2], [0.5, 0.65]
    assert found == {
        ("none", "none"): [(0.0, 0)],
        ("hierarchical", "attention"): [(r, 0) for r in ratios],
        ("hierarchical", "random"): [(r, s) for r in ratios for s in seeds],
        ("random", "attention"): [(r, s) for r in ratios for s in seeds],
        ("random", "random"): [(r, s) for r in ratios for s in seeds],
        ("exit", "none"): [(r, 0) for r in ratios],
        ("blind", "none"): [(0.0, 0)],
        ("mismatched", "none"): [(0.0, s) for s in seeds],
    }


def test_folders_are_named_after_the_axes():
    grid = cells(strategies=["hierarchical"], criteria=["attention"], ratios=[0.65])
    assert [cell.folder for cell in grid.cells] == [
        "m/b/none/none/ratio-0.000/seed-0",
        "m/b/hierarchical/attention/ratio-0.650/seed-0",
    ]


def test_a_strategy_with_ratios_of_its_own_runs_at_no_others():
    specs = {"early": {"type": "single", "options": {"layer": 2}, "ratios": [0.656]}}
    grid = cells(strategies=["early", "exit"], criteria=["norm"], strategy_specs=specs, ratios=[0.5])
    assert [(cell.strategy, cell.ratio) for cell in grid.cells] == [
        ("none", 0.0),
        ("early", 0.656),
        ("exit", 0.5),
    ]
    alone = cells(strategies=["early"], criteria=["norm"], strategy_specs=specs, ratios=[])
    assert [cell.ratio for cell in alone.cells] == [0.0, 0.656], "no other strategy needs `ratios`"
    excluded = [{"strategy": "early", "ratio": 0.656}]
    assert len(cells(strategies=["early", "exit"], strategy_specs=specs, exclude=excluded).cells) > 1


def test_faulty_ratios_of_a_strategy_are_named():
    specs = {"early": {"type": "single", "ratios": [0.6561]}}
    with pytest.raises(ConfigError, match=r"strategy_specs\.early\.ratios: 0\.6561 is not a multiple"):
        cells(strategies=["early"], strategy_specs=specs)
    with pytest.raises(ConfigError, match="ratios: is empty, but strategy 'exit' needs one"):
        cells(strategies=["exit"], ratios=[])
    with pytest.raises(ConfigError, match="ratios"):
        cells(criteria=["norm"], criterion_specs={"norm": {"ratios": [0.5]}})


def test_stochastic_delegates_make_seeds():
    specs = {"half": {"type": "staged", "options": {"shallow": "attention_shallow", "deep": "random"}}}
    grid = cells(strategies=["hierarchical"], criteria=["half"], criterion_specs=specs, ratios=[0.5])
    assert [cell.seed for cell in grid.cells if cell.criterion == "half"] == [0, 1, 2]


def test_exclusions_and_values_from_the_command_line():
    grid = cells(
        ratios=["0.5", "0.65"],
        seeds=["0", "1"],
        exclude=[
            {"strategy": ["random"], "criterion": "random"},
            {"strategy": "hierarchical", "ratio": "0.65"},
        ],
    )
    assert not [c for c in grid.cells if (c.strategy, c.criterion) == ("random", "random")]
    assert {c.ratio for c in grid.cells if c.strategy == "hierarchical"} == {0.5}
    assert {c.seed for c in grid.cells} == {0, 1}


def test_many_exclusions_are_the_single_ones():
    """Against the slow obvious way: entry by entry, axis by axis."""
    whole = cells(seeds=[0, 1, 2]).cells
    draw = random.Random(0)
    for _ in range(20):
        entries = []
        for cell in draw.sample(whole, 12):
            axes = draw.sample(list(cell.axes), draw.randint(3, 6))
            one = {axis: getattr(cell, axis) for axis in axes}
            another = draw.choice(whole)
            entries.append(
                {axis: [v, getattr(another, axis)] if draw.random() < 0.3 else v for axis, v in one.items()}
            )
        left = [
            cell
            for cell in whole
            if not any(
                all(getattr(cell, axis) in as_list(value) for axis, value in entry.items())
                for entry in entries
            )
        ]
        assert 0 < len(left) < len(whole)
        grid = cells(seeds=[0, 1, 2], exclude=entries)
        assert list(grid.cells) == left
        assert grid.n_excluded == len(whole) - len(left)
    assert cells(exclude=[]).cells == cells().cells


def test_one_strategy_may_stand_twice():
    specs = {"late": {"type": "single", "options": {"layer": 0.5}}, "single": {"options": {"layer": 1}}}
    grid = cells(strategies=["single", "late"], strategy_specs=specs, criteria=["norm"], ratios=[0.3])
    assert [cell.strategy for cell in grid.cells] == ["none", "single", "late"]


def test_out_of_reach_is_left_out_and_named():
    grid = cells(strategies=["pyramid", "hierarchical"], criteria=["norm"], ratios=[0.5, 0.8])
    assert {(c.strategy, c.ratio) for c in grid.cells} == {
        ("none", 0.0),
        ("pyramid", 0.5),
        ("hierarchical", 0.5),
        ("hierarchical", 0.8),
    }
    (left_out,) = grid.unreachable
    assert (left_out.strategy, left_out.ratio) == ("pyramid", 0.8)
    assert "0.750" in left_out.reason


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategis": []}, "unknown key 'strategis': did you mean 'strategies'"),
        ({"criteria": ["attenton"]}, "'attenton': did you mean 'attention'"),
        ({"strategies": ["uniform", "hierarchica"]}, "'hierarchica': did you mean 'hierarchical'"),
        ({"models": ["n"]}, r"models: 'n' is not in model_specs: valid: m"),
        ({"report": {"pictures": ["poppe"]}}, "report.pictures: 'poppe' is not in benchmarks: valid: b"),
        ({"report": {"picture": False}}, "report: unknown key 'picture': did you mean 'pictures'"),
        ({"benchmark_specs": {"b": {"adapter": "popes", "path": "x"}}}, "'popes': did you mean 'pope'"),
        (
            {"model_specs": {"m": {"path": "x", "dtyp": "y"}}},
            "model_specs.m: unknown key 'dtyp': did you mean 'dtype'",
        ),
        ({"model_specs": {"m": {"path": "x", "dtype": "float61"}}}, "did you mean 'float16'"),
        ({"ratios": [0.5004]}, "0.5004 is not a multiple of 0.001"),
        ({"ratios": [1.5]}, "ratios.0: 1.5"),
        ({"ratios": []}, "ratios: is empty, but strategy 'hierarchical'"),
        ({"criteria": []}, "criteria: is empty, but strategy 'hierarchical'"),
        (
            {"strategy_specs": {"hierarchical": {"options": {"layer": 3}}}},
            "unknown option 'layer': did you mean 'layers'",
        ),
        ({"exclude": [{"strategy": "unifrom"}]}, "exclude.0..strategy: unknown name 'unifrom': did you mean"),
        ({"exclude": [{"ratio": 0.7}]}, "exclude.0..ratio: 0.7 is not in the grid"),
        ({"match": "flops"}, "match: 'flops' is not allowed"),
        ({"strategy_specs": {"hierarchical": {"options": {"layers": [9, 20]}}}}, "among 0..7"),
    ],
)
def test_mistakes_are_named_with_what_would_be_right(changes, message):
    with pytest.raises(ConfigError, match=message):
        cells(**changes)


def test_what_another_study_excludes_leaves_this_one_whole():
    assert cells(exclude=[{"strategy": "uniform"}]).cells == cells().cells


def test_what_is_random_may_have_seeds_of_its_own():
    grid = cells(
        criterion_specs={"random": {"n_seeds": "5"}},
        strategy_specs={"random": {"n_seeds": 4}},
        strategies=["single", "random"],
        ratios=[0.5],
        tables={"best_of": ["random"]},
        exclude=[{"strategy": "random", "criterion": "random", "seed": 4}],
    )
    found = {}
    for cell in grid.cells:
        found.setdefault((cell.strategy, cell.criterion), []).append(cell.seed)
    assert found == {
        ("none", "none"): [0],
        ("single", "attention"): [0],
        ("single", "random"): [0, 1, 2, 3, 4],
        ("random", "attention"): [0, 1, 2, 3],
        ("random", "random"): [0, 1, 2, 3],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"criterion_specs": {"attention": {"n_seeds": 3}}}, "criterion_specs.attention.n_seeds: nothing of"),
        ({"strategy_specs": {"exit": {"n_seeds": 3}}}, "strategy_specs.exit.n_seeds: nothing of"),
        ({"tables": {"best_of": ["attention"]}}, "best_of: nothing of 'attention' depends on a seed"),
        ({"tables": {"best_of": ["randon"]}}, "best_of: 'randon' is not in criteria: did you mean 'random'"),
    ],
)
def test_seeds_of_what_has_none_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        cells(**changes)
