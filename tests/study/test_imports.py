"""What light processes do not import: a job that waits for it does nothing else."""

import json
import os
import subprocess
import sys

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from prunegrid.pruning.families import supported_models
from prunegrid.study.config import validate
from tests.benchmarks import worlds
from tests.cost.towers import CASES
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
        ("import prunegrid.jobs.predict", "", f"{HEAVY} pandas"),
        ("import prunegrid.jobs.score", SCORERS, HEAVY),
    ],
)
def test_imports(tmp_path, job, then, unwanted):
    worlds.write(tmp_path / "data.parquet", "pope")
    config = validate(configuration(model_specs={"m": {"path": str(HOME / "demo/model")}}), SCHEMA)
    code = PLAN.format(job=job, then=then)
    command = [sys.executable, "-c", code, json.dumps(config), str(HOME), unwanted]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(HOME / "src")}, check=True)


LEDGERS = """
import json, sys
import pandas as pd
from prunegrid.scoring.cell_ledger import cell_compute
metadata = {"cell": {"ratio": 0.0}, "schedule": [], "scored_by": [], "attn_implementation": "sdpa"}
counts = ("n_image_tokens", "n_full_image_tokens", "n_text_tokens", "n_text_after")
counts += ("n_generated", "n_explained")
for config, grids in json.load(sys.stdin):
    n_layers = config["text_config"]["num_hidden_layers"]
    row = {**dict.fromkeys(counts, 1), "token_depth": [n_layers], "image_grids": grids, "status": "ok"}
    found = cell_compute(
        pd.DataFrame([row]), {**metadata, "n_layers": n_layers, "model": {"config": config}}
    )
    assert found["tflops_vision"] > 0
unwanted = {"torch", "transformers"} & set(sys.modules)
sys.exit(f"imports {', '.join(sorted(unwanted))}" if unwanted else 0)
"""


def test_a_ledger_of_any_family_imports_no_torch():
    """A family says what its vision tower costs in the file in which it tells the engine what to hook."""
    cases = [
        (CONFIG_MAPPING[name.split()[0]].from_dict(settings).to_dict(), grids)
        for name, (settings, _, grids) in CASES.items()
    ]
    assert {config["model_type"] for config, _ in cases} == set(supported_models())
    subprocess.run(
        [sys.executable, "-c", LEDGERS],
        input=json.dumps(cases),
        env={**os.environ, "PYTHONPATH": str(HOME / "src")},
        text=True,
        check=True,
    )
