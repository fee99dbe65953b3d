"""Every preset by snakemake to the methods table: of a tower with a class token, and of one without."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from transformers import AutoConfig

from prunegrid import plugins
from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from tests.families.available import FAMILIES_HERE, missing
from tests.families.checkpoints import raw_settings
from tests.families.pictures import write_benchmark
from tests.study.plans import HOME, SCHEMA, configuration
from tests.workflow.study import Study

FAMILIES = [name for name in ("llava", "qwen2_5_vl") if name in FAMILIES_HERE]
PRESETS = plugins.names("methods")
# What every preset reaches on 8 layers: VScan's second cut is late, and PACT leaves half of them whole.
RATIO = 0.4
# Its 2, 6 and 15 of 32 are no three layers of 8.
SPECS = {"sparsevlm": {"strategy_options": {"layers": [0.125, 0.25, 0.5]}}}
N_SAMPLES = 4
# A layer from which on no token is left, and whole rows and columns of pictures of a few tokens.
COARSE = ("vtw", "downsample")


def label(family):
    return family.replace("_", "-")


def cannot(family):
    """Return preset -> why it cannot serve a family."""
    reasons = {name: plugins.describe("methods", name)["cannot"].get(family) for name in PRESETS}
    return {name: reason for name, reason in reasons.items() if reason is not None}


@pytest.fixture(scope="module")
def study(tmp_path_factory, checkpoint):
    folder = tmp_path_factory.mktemp("presets")
    data = write_benchmark(folder / "benchmark")
    study = Study(
        folder / "project",
        {
            "models": [label(name) for name in FAMILIES],
            "model_specs": {label(name): {"path": str(checkpoint(name))} for name in FAMILIES},
            "benchmarks": ["mine"],
            "benchmark_specs": {
                "mine": {"adapter": "vqa", "path": str(data), "max_new_tokens": 2, "limit": N_SAMPLES}
            },
            "strategies": [],
            "strategy_specs": {},
            "criteria": [],
            "methods": PRESETS,
            "method_specs": SPECS,
            "ratios": [RATIO],
            "seeds": [0],
            "bundle_size": 50,
            "batch_size": N_SAMPLES,
            "tables": {"replicates": 200},
        },
    )
    # The page is drawn in other tests.
    study.run("--until", "build_tables")
    return study


@pytest.mark.parametrize("family", FAMILIES)
def test_every_preset_that_serves_a_family_is_in_its_table(study, family):
    file = study.folder / "results" / label(family) / "tables/methods.csv"
    rows = pd.read_csv(file, dtype=str, keep_default_na=False).set_index("strategy")
    served = [name for name in PRESETS if name not in cannot(family)]
    # What is left out has a row of dashes.
    assert sorted(rows.index) == sorted(["none", *PRESETS])
    # Beside dashes a count is written with a decimal point.
    answered = rows.index[pd.to_numeric(rows["mine_n"]) == N_SAMPLES]
    assert sorted(answered) == sorted(["none", *served])
    ratios = rows.loc[served, "ratio_achieved"].astype(float)
    assert (ratios > 0).all()
    reached = ratios.drop([name for name in COARSE if name in ratios])
    assert (reached - RATIO).abs().max() < 0.05, reached.to_dict()


def test_smaller_pictures_have_all_tokens_of_their_share_but_less_than_a_row_or_column(study):
    """In pictures of 9 to 30 tokens a row is much of the ratio."""
    if "qwen2_5_vl" not in FAMILIES:
        pytest.skip(missing("qwen2_5_vl"))
    (file,) = [file for name, file in study.cells().items() if "downsample" in name]
    rows = pq.read_table(file, partitioning=None).to_pylist()
    assert len({row["n_full_image_tokens"] for row in rows}) > 1
    for row in rows:
        sides = [side // 2 for side in row["image_grids"][0][1:]]
        budget = int((1 - RATIO) * row["n_full_image_tokens"])
        assert row["n_image_tokens"] == sides[0] * sides[1]
        assert budget - min(sides) < row["n_image_tokens"] <= budget


def test_no_sample_of_any_preset_failed(study):
    assert len(study.cells()) == sum(1 + len(PRESETS) - len(cannot(name)) for name in FAMILIES)
    for name, file in study.cells().items():
        rows = pq.read_table(file, partitioning=None).to_pylist()
        assert [row["error"] for row in rows if row["status"] != "ok"] == [], name
        assert len(rows) == N_SAMPLES


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_the_plan_leaves_out_by_name_what_cannot_serve_a_family(tmp_path, family):
    """Read from a checkpoint's config.json alone, so that no family's packages are needed."""
    (tmp_path / "config.json").write_text(
        AutoConfig.for_model(family, **raw_settings(family)).to_json_string()
    )
    model = {"m": {"path": str(tmp_path), "image_tokens": 64}}
    own = {"models": ["m"], "model_specs": model, "strategies": [], "strategy_specs": {}, "criteria": []}
    config = configuration(**own, methods=PRESETS, method_specs=SPECS, ratios=[RATIO])
    plan = Plan(validate(config, SCHEMA), HOME)
    reasons = {row.strategy: row.reason for row in plan.grid.unreachable}
    assert reasons == {name: f"{name} cannot serve {family}: {why}" for name, why in cannot(family).items()}
    assert {cell.strategy for cell in plan.grid.cells} == {"none", *PRESETS} - reasons.keys()


def test_both_kinds_of_towers_are_met():
    """Without Qwen's packages one is left; `test_packages.py` tells which."""
    assert "llava" in FAMILIES
    assert "qwen2_5_vl" in FAMILIES or missing("qwen2_5_vl")
    assert list(cannot("llava")) == ["downsample"]
    assert "fastervlm" in cannot("qwen2_5_vl")
