"""Parity with published FastV and PyramidDrop code, on numbers that it produced."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from prunegrid import prune
from tests.pruning.golden import IMAGE_ID, inputs, text_config
from tests.pruning.parity import DATA, OWN, RUNS, drawn_weights, full_data, parity_model, run_of
from tests.rounding import FACTOR, logits_noise

THREE_CUTS = {"cuts": [[3, 0.5], [6, 0.25], [9, 0.125]], "rounding": "floor"}
# Run -> criterion and options of `cuts` that reproduce it.
METHODS = {
    "fastv": ("attention_last", {"cuts": [[2, 0.5]], "rounding": "half_even"}),
    "published": ("attention_own", {**THREE_CUTS, "positions": "contiguous"}),
    "original_positions": ("attention_own", THREE_CUTS),
    "attention_before": ("attention_last", {**THREE_CUTS, "positions": "contiguous"}),
    "both": ("attention_last", THREE_CUTS),
}
BATCHES = [(folder, slice(i, i + 1)) for folder, n in DATA.items() for i in range(min(n, 2))]
BATCHES += [(folder, slice(0, n)) for folder, n in DATA.items()]


def label(value) -> str:
    """Name a test by what it runs on."""
    if isinstance(value, slice):
        return f"{value.start}-{value.stop}"
    return value if isinstance(value, str) else "own" if value == OWN else "full"


@pytest.fixture(scope="module")
def model():
    return parity_model()


@pytest.fixture(scope="module")
def tolerance(model):
    """How far logits may lie from the published ones, which are of float32, too."""
    return FACTOR * logits_noise(model, [inputs(run_of(folder, "both"), slice(None)) for folder in DATA])


def generated(model, folder, run, rows, method):
    criterion, options = METHODS[method]
    with prune(model, "cuts", criterion, strategy_options=options) as pruning, torch.no_grad():
        output = model.generate(
            **inputs(run_of(folder, run), rows),
            max_new_tokens=8,
            min_new_tokens=8,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
            pad_token_id=0,
        )
    return pruning.kept, output.sequences[:, -8:], torch.stack(output.logits, 1)[..., :IMAGE_ID]


def published_kept(golden, rows):
    names = ["kept"] if "kept" in golden else ["kept1", "kept2", "kept3"]
    return [list(cuts) for cuts in zip(*(golden[name][rows].tolist() for name in names), strict=True)]


def test_every_run_has_its_method():
    assert METHODS.keys() == RUNS.keys()


@pytest.mark.parametrize("folder", full_data(), ids=label)
def test_weights_are_those_of_the_runs(folder):
    published, drawn = load_file(folder / "mha/model.safetensors"), drawn_weights(text_config(OWN))
    assert published.keys() == drawn.keys()
    for name, weight in published.items():
        torch.testing.assert_close(drawn[name], weight, atol=1e-6, rtol=0)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("folder", "rows"), BATCHES, ids=label)
def test_kept_tokens_logits_and_answers(model, tolerance, folder, rows, run, implementation):
    golden = run_of(folder, run)
    model.set_attn_implementation(implementation)
    kept, tokens, logits = generated(model, folder, run, rows, run)
    assert [[numbers for _, numbers in cuts] for cuts in kept] == published_kept(golden, rows)
    np.testing.assert_allclose(logits[:, 0], golden["logits"][rows], atol=tolerance, rtol=0)
    np.testing.assert_array_equal(tokens, golden["gen_tokens"][rows])
    if "gen_logits" in golden:
        np.testing.assert_allclose(logits, golden["gen_logits"][rows], atol=tolerance, rtol=0)


@pytest.mark.parametrize("other", ["original_positions", "attention_before", "both"])
def test_the_runs_tell_definitions_apart(model, tolerance, other):
    """With the attention of another layer other tokens stay; with other positions the logits differ."""
    model.set_attn_implementation("sdpa")
    golden, rows = run_of(OWN, "published"), slice(0, 2)
    kept, _, logits = generated(model, OWN, "published", rows, other)
    same = [[numbers for _, numbers in cuts] for cuts in kept] == published_kept(golden, rows)
    assert not same or np.abs(logits[:, 0] - golden["logits"][rows]).max() > 100 * tolerance
    assert not same or other == "original_positions"
