"""Configurations and plans: small ones made here, and those of the repository's own files."""

from pathlib import Path

import yaml
from snakemake.utils import update_config

from prunegrid.study.config import validate
from prunegrid.study.inputs import DEMO_DATA
from prunegrid.study.plan import Plan

HOME = Path(__file__).parents[2]
SCHEMA = HOME / "workflow/schemas/config.schema.yaml"


def configuration(**changes):
    """Return a small configuration of a model and a benchmark that are nowhere."""
    base = {
        "models": ["m"],
        "model_specs": {"m": {"path": "somewhere"}},
        "benchmarks": ["b"],
        "benchmark_specs": {"b": {"adapter": "pope", "path": "data.parquet"}},
        "strategies": ["hierarchical", "random", "exit", "blind", "mismatched"],
        "strategy_specs": {"hierarchical": {"options": {"layers": [0.0625, 0.25]}}},
        "criteria": ["attention", "random"],
        "ratios": [0.5, 0.65],
    }
    return {**base, **changes}


def merged(*overlays):
    """Return a configuration merged as the Snakefile and `--configfile` do."""
    config = {}
    for file in (HOME / "config/models.yaml", HOME / "config.yaml", *overlays):
        update_config(config, yaml.safe_load(Path(file).read_text(encoding="utf-8")))
    return config


def planned(*overlays, **changes):
    """Return the plan of the repository's configuration under files and changes of keys."""
    config = validate({**merged(*overlays), **changes}, SCHEMA)
    return Plan(config, HOME, DEMO_DATA)
