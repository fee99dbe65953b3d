"""The ledger against `FlopCounterMode` on the forward that is really run, and against the papers."""

import numpy as np
import pytest
import torch

from prunegrid import prune
from prunegrid.cost.decoder import Decoder
from prunegrid.cost.ledger import TERA, TokenCounts, published_tflops, sample_compute, sample_ledger
from prunegrid.cost.selection_cost import SelectionCost
from prunegrid.cost.vision import vision_flops
from prunegrid.plugins import build, describe
from prunegrid.predict.prediction_rows import token_depth
from prunegrid.pruning.recycling import recycled
from prunegrid.scoring.cell_ledger import tokens_per_layer
from tests.cost.counting import counted
from tests.pruning.tiny import IMAGE_ID, N_IMAGE, N_LAYERS, collate, requests, tiny_llava

STRATEGIES = ["hierarchical", "uniform", "constant", "random", "single", "pyramid", "exit", "input", "cuts"]
OPTIONS = {"hierarchical": {"layers": [1, 3]}, "cuts": {"cuts": [[0, 0.7], [1, 20], [3, 9]]}}


@pytest.fixture(scope="module")
def model():
    model = tiny_llava()
    # The counter does not know the fused attention of a CPU; eager attention does the same products.
    model.set_attn_implementation("eager")
    return model


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "criterion",
    [
        "norm",
        "attention_shallow",
        "attention_deep",
        "attention_last",
        "attention_own",
        "gradient",
        "text_relevance",
        "fitprune",
        "pact",
        "key_norm",
        "diversity",
        "duplication",
        "conditional_dpp",
        "coverage",
    ],
)
def test_prefill_and_scoring(model, strategy, criterion):
    request = requests(3)[1]
    if strategy in ("input", "cuts") and describe("criteria", criterion)["first_layer"]:
        # It cannot score before layer 0: another one does, and it comes in later.
        parts = ["norm", criterion, criterion]
        criterion, strategy = "staged", "cuts"
    else:
        parts = [criterion] * 3
    ratio = None if strategy == "cuts" else 0.5
    options = {"parts": parts} if criterion == "staged" else None
    with prune(
        model, strategy, criterion, ratio, strategy_options=OPTIONS.get(strategy), criterion_options=options
    ) as pruning:
        flops = counted(lambda: model(**collate([request]), logits_to_keep=1))
    config = model.config.to_dict()
    depth = token_depth(N_IMAGE, N_LAYERS, pruning.kept[0])
    n_text = len(request.ids) - N_IMAGE
    counts = tokens_per_layer(depth, N_LAYERS)
    costs = [None] * N_LAYERS
    before = dict(enumerate([N_IMAGE, *counts]))
    scoring = parts if criterion == "staged" else [criterion] * len(pruning.schedule[0])
    for (layer, keep), name in zip(pruning.schedule[0], scoring, strict=True):
        # Nothing is ranked where a cut keeps all or nothing of what is present.
        costs[layer] = describe("criteria", name)["cost"] if 0 < keep < before[layer] else None
    n_after = n_text - int((request.ids == IMAGE_ID).nonzero()[0])
    sample = TokenCounts(counts, N_IMAGE, n_text, n_after)
    ledger = sample_ledger(Decoder.from_config(config), sample, costs, eager=True)
    # The counter sees matrix products only, not the sums of squares of a norm.
    norms = sum(
        SelectionCost(Decoder.from_config(config), int(before[layer]), 0, n_text, n_after).flops(word)
        for layer, cost in enumerate(costs)
        for word in (cost or "").split("+")
        if word in ("hidden", "keys")
    )
    # Pixels go through the tower anew for the gradient.
    vision = vision_flops(config, [(1, 5, 5)]) * (2 if any(cost == "gradient" for cost in costs) else 1)
    total = ledger["prefill"] + ledger["scoring"] + vision - norms
    assert flops == pytest.approx(total, rel=0.01)
    words = {word for cost in costs if cost for word in cost.split("+")}
    if not {"gradient", "text_rows", "image_rows"} & words:
        # Choosing is a small part of it, so that 1 % would hide what is missing. Sums over rows of attention
        # are a product here, too, and are not in the ledger.
        assert flops == total


@pytest.mark.parametrize("merge", ["average", "recycle"])
def test_merging(model, merge):
    request = requests(3)[1]
    criterion = build("criteria", "norm", {"merge": merge})
    strategy = build("strategies", "hierarchical", OPTIONS["hierarchical"])
    with prune(model, strategy, criterion, 0.6) as pruning:
        flops = counted(lambda: model(**collate([request]), logits_to_keep=1))
    config = model.config.to_dict()
    counts = tokens_per_layer(token_depth(N_IMAGE, N_LAYERS, pruning.kept[0]), N_LAYERS)
    n_text = len(request.ids) - N_IMAGE
    costs = [None] * N_LAYERS
    for layer, _, cost in criterion.scored_by(strategy.solve(0.6, N_LAYERS)):
        costs[layer] = cost
    sample = TokenCounts(counts, N_IMAGE, n_text, n_text - int((request.ids == IMAGE_ID).nonzero()[0]))
    decoder = Decoder.from_config(config)
    ledger = sample_ledger(decoder, sample, costs, eager=True)
    cuts = [(int(counts[layer - 1]), int(counts[layer])) for layer in (1, 3)]
    # The counter sees matrix products only, not norms and distances.
    unseen = sum(2 * have for have, _ in cuts)
    merging = 0
    for have, keep in cuts:
        pooled, clusters = recycled(have, keep)
        unseen += 3 * pooled**2 if merge == "recycle" else 0
        merging += 2 * pooled * clusters if merge == "recycle" else 4 * (have - keep) * keep
    prefill = ledger["prefill"] + vision_flops(config, [(1, 5, 5)])
    assert flops == prefill + ledger["scoring"] - unseen * decoder.hidden
    assert flops - prefill == merging * decoder.hidden > 0


@pytest.mark.parametrize("name", ["visionzip", "prumerge"])
@pytest.mark.parametrize("merge", ["drop", "weighted"])
def test_rules_that_read_the_tower_and_join_by_its_keys(model, name, merge):
    request = requests(3)[1]
    options = {"visionzip": {"contextual": 0.4}, "prumerge": {"neighbours": 3}}[name]
    criterion = build("criteria", name, {**options, "tower_layer": -1, "merge": merge})
    strategy = build("strategies", "pyramid", {"layers": [0, 3]})
    with prune(model, strategy, criterion, 0.6) as pruning:
        flops = counted(lambda: model(**collate([request]), logits_to_keep=1))
    config = model.config.to_dict()
    counts = tokens_per_layer(token_depth(N_IMAGE, N_LAYERS, pruning.kept[0]), N_LAYERS)
    n_text = len(request.ids) - N_IMAGE
    sample = TokenCounts(
        counts, N_IMAGE, n_text, n_text - int((request.ids == IMAGE_ID).nonzero()[0]), grids=[(1, 5, 5)]
    )
    scoring = [(layer, cost) for layer, _, cost in criterion.scored_by(strategy.solve(0.6, N_LAYERS))]
    found = sample_compute(config, sample, scoring, pruned=True, eager=True)
    assert flops == pytest.approx(found["tflops_total"] * TERA, rel=1e-12)
    # The class token's row once, and at both cuts cosines by keys and sums: before the first layer of what
    # the projector is given, which then runs on both.
    vision, hidden = config["vision_config"], config["text_config"]["hidden_size"]
    width = vision["hidden_size"]
    keys = width // (vision["num_attention_heads"] if name == "visionzip" else 1)
    merging, have = 0, N_IMAGE
    for layer, _ in scoring:
        keep = int(counts[layer])
        merging += 2 * keep * have * (keys + (hidden if layer else width))
        merging += 0 if layer else 4 * keep * (width * hidden + hidden**2)
        have = keep
    rows = 2 * width * (N_IMAGE + 1)
    assert found["tflops_scoring"] * TERA == pytest.approx(rows + (merging if merge == "weighted" else 0))


def test_pooling_adds_up_all_tokens_of_each_cell(model):
    request = requests(3)[1]
    strategy, criterion = build("strategies", "input"), build("criteria", "pool")
    with prune(model, strategy, criterion, 0.6) as pruning:
        flops = counted(lambda: model(**collate([request]), logits_to_keep=1))
    config = model.config.to_dict()
    counts = tokens_per_layer(token_depth(N_IMAGE, N_LAYERS, pruning.kept[0]), N_LAYERS)
    assert set(counts) == {10}
    n_text = len(request.ids) - N_IMAGE
    sample = TokenCounts(counts, N_IMAGE, n_text, n_text - 1, grids=[(1, 5, 5)])
    scoring = [(layer, cost) for layer, _, cost in criterion.scored_by(strategy.solve(0.6, N_LAYERS))]
    found = sample_compute(config, sample, scoring, pruned=True, eager=True)
    assert flops == pytest.approx(found["tflops_total"] * TERA, rel=1e-12)
    assert found["tflops_scoring"] * TERA == 2 * 10 * N_IMAGE * config["text_config"]["hidden_size"]


def test_published_figures():
    """LLaVA-1.5 7B and 13B at HiMAP's setting (docs/definitions.md, Compute ledger)."""
    for layers, hidden, ffn, ratio, unpruned, pruned in (
        (32, 4096, 11008, 0.75, 2.986, 0.735),
        (40, 5120, 13824, 0.775, 5.813, 1.291),
    ):
        assert published_tflops([576] * layers, hidden, ffn) == pytest.approx(unpruned, abs=5e-4)
        tokens = build("strategies", "hierarchical").solve(ratio, layers).tokens_per_layer(576)
        assert published_tflops(tokens, hidden, ffn) == pytest.approx(pruned, abs=5e-4)


@pytest.mark.parametrize("strategy", ["constant", "input"])
def test_decoding(model, strategy):
    request = requests(3)[0]
    inputs = collate([request])
    with prune(model, strategy, "norm", 0.5) as pruning, torch.no_grad():
        output = model(**inputs, use_cache=True, logits_to_keep=1)
        step = torch.tensor([[5]])
        flops = counted(lambda: model(input_ids=step, past_key_values=output.past_key_values))
    depth = token_depth(N_IMAGE, N_LAYERS, pruning.kept[0])
    n_text = len(request.ids) - N_IMAGE
    tokens = tokens_per_layer(depth, N_LAYERS)
    sample = TokenCounts(tokens, N_IMAGE, n_text, 1, n_generated=2)
    ledger = sample_ledger(Decoder.from_config(model.config.to_dict()), sample, [None] * N_LAYERS)
    assert flops == pytest.approx(ledger["decode"], rel=0.01)


def test_tokens_per_layer():
    np.testing.assert_array_equal(tokens_per_layer([0, 1, 3, 3], 3), [3, 2, 2])


def test_a_tower_that_nobody_reads_is_not_charged(model) -> None:
    config = model.config.to_dict()
    seen, blind = (
        sample_compute(
            config,
            TokenCounts(np.full(N_LAYERS, tokens), N_IMAGE, 40, 30, grids=[(1, 4, 4)]),
            [],
            pruned=tokens == 0,
            eager=False,
        )
        for tokens in (N_IMAGE, 0)
    )
    assert seen["tflops_vision"] > 0
    assert blind["tflops_vision"] == 0
    parts = ("tflops_prefill", "tflops_scoring", "tflops_decode")
    assert blind["tflops_total"] == pytest.approx(sum(blind[name] for name in parts))
