"""The ready configuration of controls: what a reviewer asks for is in it, on top of any study."""

import pytest
import yaml

from prunegrid.plugins import describe
from prunegrid.study.config import plugin_of, validate
from prunegrid.study.grid import expand
from tests.study.plans import HOME, SCHEMA


def overlaid(below, above):
    """Merge as Snakemake does: mappings deeply, all else replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: overlaid(below.get(key), value) for key, value in above.items()}}
    return above


@pytest.fixture(scope="module")
def config():
    default, controls = (
        yaml.safe_load((HOME / name).read_text()) for name in ("config.yaml", "config/controls.yaml")
    )
    assert not {"models", "model_specs", "benchmarks", "benchmark_specs"} & set(controls)
    return validate(overlaid(default, controls), SCHEMA)


def parts(config, name: str) -> tuple[str, str]:
    """Return what a criterion's name ranks by in shallow and in deep stages."""
    plugin, options = plugin_of(config, "criteria", name)
    described = describe("criteria", plugin)
    if not described.get("delegates"):
        return plugin, plugin
    return tuple(options.get(key, described[key]) for key in ("shallow", "deep"))


def test_the_stage_factorial_is_complete(config):
    kinds = ("attention_shallow", "attention_deep", "random")
    plain = [n for n in config["criteria"] if not plugin_of(config, "criteria", n)[1].get("reverse")]
    found = [parts(config, name) for name in plain]
    for shallow in kinds:
        for deep in kinds:
            assert found.count((shallow, deep)) == 1, (shallow, deep)


def test_every_control_is_there(config):
    grid = expand(config, {"demo": 8})
    assert not grid.unreachable
    cells = {(c.strategy, c.criterion) for c in grid.cells}
    assert {(s, "none") for s in ("none", "exit", "blind", "mismatched")} <= cells
    wanted = {"first", "last", "grid", "attention_deep_mean", "gradient", "gradient_other"}
    assert {("hierarchical", name) for name in wanted} <= cells
    reversed_ = {
        plugin_of(config, "criteria", n)[0]
        for n in config["criteria"]
        if plugin_of(config, "criteria", n)[1].get("reverse")
    }
    assert {"attention", "attention_shallow", "attention_deep"} <= reversed_


def test_the_oracle_chooses_among_64_subsets_of_all_samples(config):
    assert config["tables"]["best_of"] == ["random"]
    for benchmark in config["benchmarks"]:
        assert config["benchmark_specs"][benchmark]["limit"] >= 250
        seeds = {
            c.seed
            for c in expand(config, {"demo": 8}).cells
            if (c.benchmark, c.strategy, c.criterion) == (benchmark, "hierarchical", "random")
        }
        assert seeds == set(range(64))
