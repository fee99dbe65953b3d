"""Parity with the published HiMAP code, on numbers that it produced (tests/fixtures/golden/README.md)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from prunegrid import prune
from tests.pruning.golden import (
    DATA,
    IMAGE_ID,
    OWN,
    drawn_weights,
    full_data,
    golden_model,
    golden_of,
    inputs,
    published,
    text_config,
)
from tests.rounding import FACTOR, logits_noise

BATCHES = [(folder, slice(i, i + 1)) for folder, n in DATA.items() for i in range(n)]
BATCHES += [(folder, slice(0, n)) for folder, n in DATA.items()]


def label(value) -> str:
    """Name a test by what it runs on."""
    if isinstance(value, Path):
        return "own" if value == OWN else "full"
    return f"{value.start}-{value.stop}" if isinstance(value, slice) else str(value)


@pytest.fixture(scope="module")
def model():
    return golden_model()


@pytest.fixture(scope="module")
def tolerance(model):
    """How far logits may lie from the published ones, which are of float32, too."""
    return FACTOR * logits_noise(model, [inputs(golden_of(folder), slice(None)) for folder in DATA])


@pytest.mark.parametrize("folder", full_data(), ids=label)
def test_drawn_weights_are_the_published_ones(folder):
    published, drawn = load_file(folder / "model.safetensors"), drawn_weights(text_config())
    assert published.keys() == drawn.keys()
    for name, weight in published.items():
        torch.testing.assert_close(drawn[name], weight, atol=1e-6, rtol=0)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize(("folder", "rows"), BATCHES, ids=label)
def test_kept_tokens_and_logits(model, tolerance, folder, rows, implementation):
    golden = golden_of(folder)
    model.set_attn_implementation(implementation)
    with published(model) as pruning, torch.no_grad():
        logits = model(**inputs(golden, rows)).logits[..., :IMAGE_ID]
    first, second = ([kept[stage][1] for kept in pruning.kept] for stage in (0, 1))
    np.testing.assert_array_equal(first, golden["kept1"][rows])
    np.testing.assert_array_equal(second, golden["kept2"][rows])
    np.testing.assert_allclose(logits, golden["logits_all"][rows], atol=tolerance, rtol=0)


@pytest.mark.parametrize(("folder", "rows"), BATCHES, ids=label)
def test_cached_generation(model, tolerance, folder, rows):
    golden = golden_of(folder)
    model.set_attn_implementation("sdpa")
    with published(model), torch.no_grad():
        output = model.generate(
            **inputs(golden, rows),
            max_new_tokens=8,
            min_new_tokens=8,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
            pad_token_id=0,
        )
    np.testing.assert_array_equal(output.sequences[:, -8:], golden["frozen_tokens"][rows])
    logits = torch.stack(output.logits, 1)[..., :IMAGE_ID]
    np.testing.assert_allclose(logits, golden["frozen_logits"][rows], atol=tolerance, rtol=0)


@pytest.mark.parametrize("folder", DATA, ids=label)
def test_cuts_in_neighbouring_layers(model, tolerance, folder):
    golden = golden_of(folder)
    model.set_attn_implementation("sdpa")
    options = {"layers": [3, 4], "keep": [50 / 144, 25 / 144]}
    with prune(model, "hierarchical", "attention", strategy_options=options) as pruning, torch.no_grad():
        logits = model(**inputs(golden, slice(None))).logits[:, -1, :IMAGE_ID]
    np.testing.assert_array_equal([kept[0][1] for kept in pruning.kept], golden["k1eq3_k2eq4_kept1"])
    np.testing.assert_array_equal([kept[1][1] for kept in pruning.kept], golden["k1eq3_k2eq4_kept2"])
    np.testing.assert_allclose(logits, golden["k1eq3_k2eq4_logits_last"], atol=tolerance, rtol=0)
