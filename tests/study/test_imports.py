"""What light processes do not import: a job that waits for it does nothing else."""

import json
import os
import subprocess
import sys

import pytest

from prunegrid.study.config import validate
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration

PLAN = """
import json, sys
from pathlib import Path
{job}
from prunegrid.study.plan import Plan
plan = Plan(json.loads(sys.argv[1]), Path(sys.argv[2]))
print([plan.keys.prediction_key(cell) + plan.keys.score_key(cell) for cell in plan.grid.cells])
{then}
unwanted = set(sys.argv[3].split()) & set(sys.modules)
sys.exit(f"imports {{', '.join(sorted(unwanted))}}" if unwanted else 0)
"""
HEAVY = "torch transformers scipy matplotlib statsmodels jsonschema"
SCORERS = (
    "from prunegrid import plugins; [plugins.load('scorers', name) for name in plugins.names('scorers')]"
)


@pytest.mark.parametrize(
    ("job", "then", "unwanted"),
    [
        ("import prunegrid.jobs.predict_bundle", "", f"{HEAVY} pandas"),
        ("import prunegrid.jobs.score_bundle", SCORERS, HEAVY),
    ],
)
def test_imports(tmp_path, job, then, unwanted):
    worlds.write(tmp_path / "data.parquet", "pope")
    config = validate(configuration(model_specs={"m": {"path": str(HOME / "demo/model")}}), SCHEMA)
    code = PLAN.format(job=job, then=then)
    command = [sys.executable, "-c", code, json.dumps(config), str(HOME), unwanted]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(HOME / "src")}, check=True)
