"""Where the engine and the oracle part: one comparison for the oracle's tests and for the mutations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from prunegrid import prune
from prunegrid.plugins import build, describe, names
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.families import family_of
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.strategy import UNRANKED, Strategy
from prunegrid.strategies.hierarchical import Hierarchical
from tests.pruning import tiny, tiny_families
from tests.pruning.oracle import Eager, Outcome, Rule, Sample, oracle, saliency
from tests.pruning.slow_tower import slowly
from tests.rounding import doubled, logits_noise


class Named(Protocol):
    """A request: whatever a family's `collate` takes, with a name."""

    name: str


class Family(Protocol):
    """A tiny model, prompts of different length for it, and how they become its inputs."""

    def model(self) -> PreTrainedModel: ...

    def requests(self, model: PreTrainedModel) -> Sequence[Named]: ...

    def collate(self, rows: Sequence[Any]) -> Mapping[str, Any]: ...


class Llava:
    """LLaVA-1.5, four prompts with an image, and the longest one without."""

    def model(self) -> PreTrainedModel:
        return tiny.tiny_llava()

    def requests(self, model: PreTrainedModel) -> Sequence[Named]:
        *rows, text = tiny.requests(5)
        # Longer than all others, so that their pruning does not make the batch narrower.
        return [*rows, replace(text, ids=text.ids.repeat(4))]

    def collate(self, rows: Sequence[Any]) -> Mapping[str, Any]:
        return tiny.collate(rows)


# Every test of the oracle runs for each of them.
# The smaller LLaVA, on whose batch the mutations were tuned.
FAMILIES: dict[str, Family] = {**tiny_families.FAMILIES, "llava": Llava()}


def unwindowed(name: str) -> Family:
    """Return a family whose window is longer than every prompt."""
    found = tiny_families.FAMILIES[name]
    text = {**found.config["text_config"], "sliding_window": 4096}
    return replace(found, config={**found.config, "text_config": text})


# Families whose windows end within the tests' prompts, the same with longer windows, and those with
# positions in three dimensions.
WINDOWED = ("gemma3", "llava_next")
UNWINDOWED: dict[str, Family] = {f"{name} unwindowed": unwindowed(name) for name in WINDOWED}
MULTIMODAL = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
ALL_FAMILIES = {**FAMILIES, **UNWINDOWED}

RATIO, SEED, STEPS = 0.5, 3, 3
STRATEGY_OPTIONS = {
    "hierarchical": {"layers": (1, 3)},
    "single": {"layer": 2},
    # In 8 layers this removes half.
    "cuts": {"cuts": ((1, 0.6), (3, 0.36))},
}
# Strategies with options that change what layers see or how much they keep: name -> plug-in and options.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "hierarchical contiguous": ("hierarchical", {"layers": (1, 3), "positions": "contiguous"}),
    "uniform contiguous": ("uniform", {"positions": "contiguous"}),
    "exit contiguous": ("exit", {"positions": "contiguous"}),
    "blind contiguous": ("blind", {"positions": "contiguous"}),
    "input original": ("input", {"positions": "original"}),
    "from the input on": ("pyramid", {"layers": (0, 2, 5), "positions": "contiguous"}),
    "uniform floor": ("uniform", {"rounding": "floor"}),
    # Of 25 tokens 12.5 and 2.5, in a batch.
    "halves to even": ("hierarchical", {"layers": (1, 3), "keep": (0.5, 0.1), "rounding": "half_even"}),
}


@dataclass(frozen=True)
class Ties(Criterion):
    """No criterion of the study: scores that many tokens share."""

    def score(self, stage: Stage) -> Tensor:
        return (stage.numbers % 3).float()


@dataclass(frozen=True)
class Spread(Criterion):
    """No criterion of the study: a set rule, over the columns of the prompt."""

    def select(self, stage: Stage) -> Tensor:
        columns = stage.layout.columns
        gaps = torch.where(stage.image, stage.numbers, -1)
        taken = torch.zeros_like(stage.image)
        nearest = torch.full_like(columns, 10**6)
        for step in range(max(stage.keep)):
            chosen = gaps.masked_fill(taken | ~stage.image, -1).argmax(1, keepdim=True)
            more = (step < stage.n_keep)[:, None]
            taken = taken.scatter(1, chosen, more | taken.gather(1, chosen))
            nearest = nearest.minimum((columns - columns.gather(1, chosen)).abs())
            gaps = nearest
        return taken


@dataclass(frozen=True)
class Scoring:
    """A criterion with options."""

    criterion: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Criterion:
        """Return the engine's criterion."""
        if self.criterion in _OWN:
            return _OWN[self.criterion](**self.options)
        return build("criteria", self.criterion, dict(self.options))


_OWN: dict[str, type[Criterion]] = {"ties": Ties, "spread": Spread}
# The last layer: some of these towers have one alone.
OF_TOWER: dict[str, Any] = {"tower_layer": -1}
# Options that nothing is left to a default of the criterion, so that tokens of these few are told apart.
_OPTIONS: dict[str, dict[str, Any]] = {
    "visionzip": {"contextual": 0.4},
    "prumerge": {"neighbours": 5},
    "windows": {"window_layer": 0, "windows": 2},
    "chunks": {"chunks": 3},
    "pool": {"merge": "weighted"},
    "hiprune": {"object_layer": 0, "alpha": 1.0},
}


def _options(criterion: str) -> dict[str, Any]:
    own = OF_TOWER if "tower_layer" in describe("criteria", criterion)["options"] else {}
    return {**own, **_OPTIONS.get(criterion, {})}


# Every criterion as it is, and options that change what is ranked.
SCORINGS: dict[str, Scoring] = {name: Scoring(name, _options(name)) for name in names("criteria")} | {
    "ties": Scoring("ties"),
    "ties reversed": Scoring("ties", {"reverse": True}),
    "spread": Scoring("spread"),
    "spread reversed": Scoring("spread", {"reverse": True}),
    "norm averaged": Scoring("norm", {"merge": "average"}),
    "norm recycled": Scoring("norm", {"merge": "recycle"}),
    "visionzip merged": Scoring("visionzip", {**_options("visionzip"), "merge": "weighted"}),
    "visionzip merged reversed": Scoring(
        "visionzip", {**_options("visionzip"), "merge": "weighted", "reverse": True}
    ),
    "prumerge merged": Scoring("prumerge", {**_options("prumerge"), "merge": "weighted"}),
    "prumerge merged behind the projector": Scoring(
        "prumerge", {**_options("prumerge"), "merge": "weighted", "before_projector": False}
    ),
    "windows averaged": Scoring("windows", {**_options("windows"), "merge": "average"}),
    "middles of cells": Scoring("pool", {"merge": "drop"}),
    "spread averaged": Scoring("spread", {"merge": "average"}),
    "deep recycled reversed": Scoring("attention_deep", {"merge": "recycle", "reverse": True}),
    "deep reversed": Scoring("attention_deep", {"reverse": True}),
    "long answer": Scoring("gradient", {"answer_tokens": 4}),
    "staged late": Scoring("staged", {"shallow": "norm", "deep": "attention_last", "deep_from": 3}),
}


def strategy_of(name: str, family: str = "llava") -> Strategy:
    """Return the engine's strategy; one whose default positions a family refuses keeps the original ones."""
    plugin, options = VARIANTS.get(name, (name, STRATEGY_OPTIONS.get(name, {})))
    own = {"positions": "original"} if family in WINDOWED and plugin == "input" else {}
    return build("strategies", plugin, {**options, **own})


def ratio_of(name: str) -> float | None:
    """Return the ratio that a strategy is solved for, None where its options fix what it keeps."""
    return None if "keep" in VARIANTS.get(name, ("", {}))[1] else RATIO


@cache
def model_of(family: str) -> PreTrainedModel:
    """Return the model in float64: it is definitions that are compared, not rounding."""
    return ALL_FAMILIES[family].model().double()


@cache
def eager_of(family: str) -> Eager:
    model = model_of(family)
    shape = family_of(model.config.model_type)
    return Eager.of(model, shape.layers, shape.attention, shape.image_token_id(model.config))


@cache
def requests_of(family: str) -> dict[str, Named]:
    tiny_family = ALL_FAMILIES[family]
    return {request.name: request for request in tiny_family.requests(tiny_family.model())}


@cache
def tolerance_of(family: str) -> float:
    """Return how far logits may lie apart: in float64, by no more than what float32 would round."""
    tiny_family, model = ALL_FAMILIES[family], ALL_FAMILIES[family].model()
    return logits_noise(model, [tiny_family.collate(tiny_family.requests(model))])


def inputs_of(family: str, batch: Sequence[str]) -> dict[str, Any]:
    """Return a batch as the model's forward takes it."""
    return doubled(ALL_FAMILIES[family].collate([requests_of(family)[name] for name in batch]))


@cache
def sample_of(family: str, name: str) -> Sample:
    return Sample(name, inputs_of(family, [name]), partial(vision_of, family, name))


@cache
def vision_of(family: str, name: str, kind: str, layer: int) -> Tensor:
    """Return a vision map of a sample, the slow way."""
    pixels = {
        key: value for key, value in inputs_of(family, [name]).items() if "pixel" in key or "image" in key
    }
    return slowly(kind, family, family_of(family), model_of(family), pixels, layer)


@cache
def saliency_of(family: str, name: str, rank: int, answer_tokens: int) -> dict[int, Tensor]:
    return saliency(eager_of(family), sample_of(family, name), rank, answer_tokens)


_EXPECTED: dict[tuple[str, str, str, str | None], Outcome] = {}


def expected(
    family: str, name: str, strategy: str, scoring: str | None, guess: Sequence[int] = ()
) -> Outcome:
    """Return the oracle's outcome for one sample; a strategy that ranks nothing has no scoring.

    `guess` is what it may answer, for speed alone.
    """
    case = family, name, strategy, scoring
    if case not in _EXPECTED:
        _EXPECTED[case] = _asked(*case, guess)
    return _EXPECTED[case]


def _asked(family: str, name: str, strategy: str, scoring: str | None, guess: Sequence[int]) -> Outcome:
    eager, sample = eager_of(family), sample_of(family, name)
    n_layers = len(eager.layers)
    n_image = int((sample.inputs["input_ids"] == eager.image_token_id).sum())
    if n_image == 0:
        return plain(family, name)
    solver = strategy_of(strategy, family)
    schedule = solver.solve(ratio_of(strategy), n_layers, seed=SEED, n_tokens=n_image or None)
    chosen = SCORINGS[scoring or UNRANKED]
    # Deep stages begin at the second cut of HiMAP's schedule, at a quarter of the layers elsewhere.
    himap = isinstance(solver, Hierarchical)
    deep_from = STRATEGY_OPTIONS["hierarchical"]["layers"][1] if himap else n_layers // 4
    deep_from = chosen.options.get("deep_from", max(1, deep_from))
    contiguous = solver.positions == "contiguous" and family not in MULTIMODAL
    rule = Rule(schedule.cuts, chosen.criterion, chosen.options, deep_from, SEED, contiguous, solver.rounding)
    gradients = {key: saliency_of(family, name, *key) for key in rule.gradients}
    return oracle(eager, sample, rule, STEPS, gradients, guess)


@cache
def plain(family: str, name: str) -> Outcome:
    """Return the oracle's outcome for a sample without an image, which no rule prunes."""
    nothing = Rule((), UNRANKED, {}, 1, SEED, contiguous=False, rounding="half_up")
    return oracle(eager_of(family), sample_of(family, name), nothing, STEPS, {})


@torch.no_grad()
def measured(family: str, batch: Sequence[str], strategy: str, scoring: str | None) -> dict[str, Outcome]:
    """Return the engine's outcome per sample of a batch, generated with a cache."""
    rule, criterion = strategy_of(strategy, family), SCORINGS[scoring or UNRANKED].build()
    model = model_of(family)
    with prune(model, rule, criterion, ratio_of(strategy), SEED, sample_ids=batch) as pruning:
        output = model.generate(
            **inputs_of(family, batch),
            max_new_tokens=STEPS,
            min_new_tokens=STEPS,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
    logits = torch.stack(output.logits, 1).float()
    tokens = output.sequences[:, -STEPS:].tolist()
    return {name: Outcome(pruning.kept[i], logits[i], tokens[i]) for i, name in enumerate(batch)}


def differences(
    family: str, batch: Sequence[str], strategy: str, scoring: str | None
) -> list[tuple[str, str, str]]:
    """Return (sample, what, detail) for all in which the engine differs from the oracle."""
    found = []
    for name, got in measured(family, batch, strategy, scoring).items():
        wanted = expected(family, name, strategy, scoring, got.tokens)
        if got.kept != wanted.kept:
            found.append((name, "kept", f"{got.kept} is not {wanted.kept}"))
        for step, gap in enumerate((got.logits - wanted.logits).abs().amax(1).tolist()):
            # A NaN differs, too.
            if not gap <= tolerance_of(family):
                found.append((name, "logits", f"step {step} is off by {gap:.1e}"))
        if got.tokens != wanted.tokens:
            found.append((name, "text", f"{got.tokens} is not {wanted.tokens}"))
    return found
