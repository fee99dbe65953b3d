"""The ledger of every family, strategy and criterion against `FlopCounterMode` on what is really run.

As the workflow runs it: image features in place of pixels, one row of logits. Eager attention, because
the counter does not know a CPU's fused one; it does the same products.
"""

from itertools import pairwise

import pandas as pd
import pytest
import torch

from prunegrid import prune
from prunegrid.cost.decoder import Decoder
from prunegrid.cost.expected import expected_compute
from prunegrid.cost.ledger import TERA
from prunegrid.cost.selection_cost import SelectionCost
from prunegrid.cost.vision import vision_flops
from prunegrid.plugins import build, describe, names
from prunegrid.predict.prediction_rows import token_depth
from prunegrid.pruning.families import family_of
from prunegrid.scoring.cell_ledger import cell_compute
from tests.cost.counting import counted
from tests.pruning.cases import STRATEGIES, cases, covering
from tests.pruning.comparison import WINDOWED
from tests.pruning.tiny import IMAGE_ID
from tests.pruning.tiny_families import FAMILIES

# Cuts among Qwen3-VL's deep-stack layers; deep parts of `staged` criteria in charge of the second one.
OPTIONS = {
    "hierarchical": {"layers": [1, 3]},
    "single": {"layer": 2},
    # In 4 layers they remove 0.45.
    "cuts": {"cuts": [[1, 0.45], [3, 0.3]]},
}
# Criteria that read the vision tower.
OF_TOWER = [one for one in names("criteria") if build("criteria", one).vision_maps()]
RATIO = 0.45
TOLERANCE = 0.01
# Half of the tiny models' layers, for speed; enough for every schedule.
N_LAYERS = 4


def of_last_layer(criterion):
    """Return options of a criterion for a tower of any depth, where it reads one of its layers."""
    known = describe("criteria", criterion)["options"] if criterion else {}
    return {"tower_layer": -1} if "tower_layer" in known else {}


class Run:
    """A family's model with one prompt of two pictures, and what it costs by count and by ledger."""

    def __init__(self, name):
        self.name, family = name, FAMILIES[name]
        self.model = family.model()
        self.model.set_attn_implementation("eager")
        self.of = family_of(name)
        shorten(self.model, self.of.layers(self.model))
        self.config = self.model.config.to_dict()
        request = family.request(self.model, "two", 2, 9, False)
        self.pixels = family.collate([request])
        with torch.no_grad():
            features = self.of.features(self.model, [request.images])
        given = {key: self.pixels[key] for key in ("input_ids", "attention_mask")}
        self.inputs = {**given, **self.of.feature_inputs(self.model, features, given["input_ids"])}
        self.grids = self.of.grids(self.model.config, request.images)
        places = (request.ids == IMAGE_ID).nonzero()[:, 0]
        self.n_image, self.n_tokens = len(places), len(request.ids)
        self.n_after = self.n_tokens - 1 - int(places[-1])

    def context(self, strategy, criterion):
        ratio = RATIO if build("strategies", strategy).has_ratio else None
        options = self.options(strategy)
        return prune(
            self.model,
            strategy,
            criterion or "first",
            ratio,
            strategy_options=options,
            criterion_options=of_last_layer(criterion),
        )

    def options(self, strategy):
        """Return a strategy's options; tokens do not move up where a window ends among them."""
        own = {"positions": "original"} if strategy == "input" and self.name in WINDOWED else {}
        return {**OPTIONS.get(strategy, {}), **own}

    def ledger(self, strategy, criterion, pruning, generated=1):
        """Return the cell's ledger, from what `predict` would write down of it."""
        plugin = build("strategies", strategy, self.options(strategy))
        schedule = plugin.solve(pruning.ratio, N_LAYERS, n_tokens=self.n_image)
        built = build("criteria", criterion, of_last_layer(criterion)) if criterion else None
        row = {
            "token_depth": token_depth(self.n_image, N_LAYERS, pruning.kept[0]),
            "n_image_tokens": self.n_image,
            "n_full_image_tokens": self.n_image,
            "n_text_tokens": self.n_tokens - self.n_image,
            "n_text_after": self.n_after,
            "image_grids": self.grids,
            "n_generated": generated,
            "n_explained": pruning.explained[0],
            "status": "ok",
        }
        metadata = {
            "model": {"config": self.config},
            "cell": {"ratio": pruning.ratio},
            "schedule": schedule.cuts,
            "n_layers": N_LAYERS,
            "scored_by": built.scored_by(schedule) if built else [],
            "attn_implementation": "eager",
        }
        return cell_compute(pd.DataFrame([row]), metadata)

    def norms(self, criterion, pruning):
        """Return the FLOPs of sums of squares, which are no matrix product: the counter is blind to them."""
        cost = describe("criteria", criterion)["cost"] if criterion is not None else None
        words = [word for word in (cost or "").split("+") if word in ("hidden", "keys")]
        present = [self.n_image, *(keep for _, keep in pruning.schedule[0])]
        decoder = Decoder.from_config(self.config)
        return sum(
            SelectionCost(decoder, before, keep, 0, 0).flops(word)
            for before, keep in pairwise(present)
            if 0 < keep < before
            for word in words
        )


def shorten(model, layers):
    text = model.config.get_text_config()
    text.num_hidden_layers = N_LAYERS
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:N_LAYERS]
    del layers[N_LAYERS:]


@pytest.fixture(scope="module", params=FAMILIES)
def run(request):
    return Run(request.param)


def criteria(family, strategy):
    """Return the criteria that a strategy is counted with, those of `make test` and further ones.

    They are those that the oracle compares: all of them in one family. Those that read the vision tower,
    which does not run here, are counted from pixels; where a strategy's turn brought no others, `norm` is.
    """
    own = [one for one in names("criteria") if one not in OF_TOWER]
    some = [one for other, one in covering(family) if other == strategy and one in (None, *own)] or ["norm"]
    found = [one for other, one in cases(family) if other == strategy and one in (None, *own)]
    return some, [one for one in found if one not in some]


def counted_cases():
    """Return (family, strategy, criteria), those of `make test` apart from the further ones."""
    for family in FAMILIES:
        for strategy in STRATEGIES:
            some, further = criteria(family, strategy)
            yield pytest.param(family, strategy, some, id=f"{family}-{strategy}")
            if further:
                own = f"{family}-{strategy}-further"
                yield pytest.param(family, strategy, further, marks=pytest.mark.exhaustive, id=own)


@pytest.mark.parametrize(("run", "strategy", "some_criteria"), counted_cases(), indirect=["run"])
def test_prefill_and_scoring(run, strategy, some_criteria):
    """And what `expected_compute` says of them beforehand."""
    faults = []
    for criterion in some_criteria:
        with run.context(strategy, criterion) as pruning:
            flops = counted(lambda: run.model(**run.inputs, logits_to_keep=1))
        ledger = run.ledger(strategy, criterion, pruning)
        ran = ledger["tflops_total"] - ledger["tflops_vision"] - run.norms(criterion, pruning) / TERA
        faults += check(criterion, "counted", flops, ran * TERA)
        expected = expected_compute(
            run.config,
            strategy,
            criterion,
            pruning.ratio,
            image_tokens=run.n_image,
            text_before=run.n_tokens - run.n_image - run.n_after,
            text_after=run.n_after,
            strategy_options=run.options(strategy),
        )
        assert expected["schedule"] == pruning.schedule[0]
        for name in ("published", "prefill", "decode"):
            assert expected[f"tflops_{name}"] == ledger[f"tflops_{name}"]
        if criterion is None or "gradient" not in criterion:
            # A gradient through fused attention computes its scores anew.
            assert expected["tflops_scoring"] == ledger["tflops_scoring"]
    assert not faults, "\n".join(faults)


def check(criterion, what, flops, ledger):
    off = flops / ledger - 1
    print(f"LEDGER {what} {criterion} {off:+.5f}")
    return (
        [f"{criterion}: {what} {flops}, by the ledger {ledger:.0f}: {off:+.2%}"]
        if abs(off) > TOLERANCE
        else []
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_decoding(run, strategy):
    """Caches differ in length by layer; a sliding layer's holds its window only where nothing is dropped."""
    step = torch.tensor([[5]])
    with run.context(strategy, "norm") as pruning, torch.no_grad():
        cache = run.model(**run.inputs, use_cache=True, logits_to_keep=1).past_key_values
        flops = [counted(lambda: run.model(input_ids=step, past_key_values=cache)) for _ in range(2)]
    found = [run.ledger(strategy, None, pruning, generated)["tflops_decode"] * TERA for generated in (2, 3)]
    faults = check(None, "first", flops[0], found[0]) + check(None, "second", sum(flops), found[1])
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("criterion", ["attention", "gradient"])
def test_whole_forward_from_pixels(run, criterion):
    with run.context("hierarchical", criterion) as pruning:
        flops = counted(lambda: run.model(**run.pixels, logits_to_keep=1))
    ledger = run.ledger("hierarchical", criterion, pruning)
    # Pixels go through the tower anew for the gradient.
    again = vision_flops(run.config, run.grids) if criterion == "gradient" else 0
    faults = check(criterion, "pixels", flops, ledger["tflops_total"] * TERA + again)
    assert not faults, "\n".join(faults)


def test_criteria_that_read_the_tower(run):
    faults = []
    for criterion in OF_TOWER:
        if describe("criteria", criterion)["needs_class_token"] and not run.of.has_class_token(run.config):
            continue
        with run.context("input", criterion) as pruning:
            flops = counted(lambda: run.model(**run.pixels, logits_to_keep=1))
        with run.context("input", None):
            unranked = counted(lambda: run.model(**run.pixels, logits_to_keep=1))
        ledger = run.ledger("input", criterion, pruning)
        faults += check(criterion, "pixels", flops, ledger["tflops_total"] * TERA)
        # Choosing is a small part of it, so that 1 % would hide what is missing.
        faults += check(criterion, "choosing", flops - unranked, ledger["tflops_scoring"] * TERA)
    assert not faults, "\n".join(faults)
