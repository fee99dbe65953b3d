"""Flash attention, by a stand-in of exact arithmetic: the kept tokens and logits are those of SDPA."""

from dataclasses import replace

import pytest
import torch

from prunegrid import prune
from tests.pruning import flash
from tests.pruning.comparison import FAMILIES, WINDOWED, strategy_of

# A strategy with one ragged cut, one with many, one that drops all before layer 0; criteria that read
# attention, and one that does not.
PAIRS = [
    ("hierarchical", "attention"),
    ("uniform", "attention_last"),
    ("single", "gradient"),
    ("pyramid", "norm"),
    ("blind", "first"),
    ("input", "attention_own"),
    ("hierarchical contiguous", "attention"),
    ("from the input on", "norm"),
]
# Windows end among the others' image tokens, which flash attention cannot count: test_families.py.
ALLOWING = [name for name in FAMILIES if name not in WINDOWED]


def run(name, rows, strategy, criterion, with_flash):
    family = FAMILIES[name]
    model = family.model()
    if with_flash:
        flash.use_flash(model)
    inputs = family.collate(rows(family.requests(model)))
    ratio = None if strategy == "blind" else 0.5
    with prune(model, strategy_of(strategy, name), criterion, ratio) as pruning, torch.no_grad():
        output = model.generate(
            **inputs, max_new_tokens=3, do_sample=False, return_dict_in_generate=True, output_logits=True
        )
    return pruning.kept, output.sequences, torch.stack(output.logits)


@pytest.mark.parametrize("pair", PAIRS, ids=" x ".join)
@pytest.mark.parametrize("name", ALLOWING)
def test_flash_attention_is_sdpa(name, pair, monkeypatch):
    """Padding, ragged counts after a cut, and decoding."""
    flash.install(monkeypatch)
    kept, sequences, logits = run(name, lambda rows: rows, *pair, False)
    again, others, found = run(name, lambda rows: rows, *pair, True)
    assert again == kept
    assert torch.equal(others, sequences)
    scale = logits.abs().max()
    assert (found - logits).abs().max() <= 1e-5 * scale


def test_rows_of_one_length_that_keep_different_numbers(monkeypatch):
    """Nothing is padded in the prompt, so that the model hands over no mask, and rows differ after a cut."""
    flash.install(monkeypatch)

    def rows(requests):
        first, *_, text = requests
        return [first, replace(text, ids=text.ids[: len(first.ids)])]

    sdpa, found = (
        run("llava", rows, "hierarchical", "attention", with_flash) for with_flash in (False, True)
    )
    assert found[0] == sdpa[0]
    assert torch.equal(found[1], sdpa[1])
