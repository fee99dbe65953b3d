"""Pruning by its definition, slowly: later layers are forbidden to look at dropped tokens.

No token is ever removed here. One sample, no padding, no cache, eager attention: each generated token
is one forward pass over the whole prompt and all tokens so far, and from layer l on a mask forbids the
columns that were dropped before l. What the model itself computes for dropped tokens does not matter,
as nobody sees it. Where dropped tokens are merged, the mean takes the place of the state of the token that
stays. Where positions are contiguous, the columns that a layer may look at are counted from 0, and each is
given the position embedding of its count. Nothing of the engine is used but the shares of a solved schedule
and `named_seed`.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.randomness import named_seed
from tests.pruning import plain_rules
from tests.pruning.plain_merging import averages, into_nearest, recycle

# (rank, answer tokens) -> layer -> score per token, of one sample.
Gradients = Mapping[tuple[int, int], Mapping[int, Tensor]]


@dataclass(frozen=True, eq=False)
class Eager:
    """A copy of a model that shows its attention."""

    model: PreTrainedModel
    layers: Sequence[nn.Module]
    attentions: Sequence[nn.Module]
    image_token_id: int

    @classmethod
    def of(
        cls,
        model: PreTrainedModel,
        layers: Callable[[PreTrainedModel], Sequence[nn.Module]],
        attention: Callable[[nn.Module], nn.Module],
        image_token_id: int,
    ) -> Eager:
        """Copy a model; `layers` and `attention` tell where its decoder keeps them."""
        model = copy.deepcopy(model).eval()
        model.set_attn_implementation("eager")
        found = list(layers(model))
        return cls(model, found, [attention(layer) for layer in found], image_token_id)

    @property
    def ends(self) -> list[int]:
        """Return the ids that end an answer."""
        ends = self.model.generation_config.eos_token_id
        return [] if ends is None else ends if isinstance(ends, list) else [ends]

    @property
    def unsaid(self) -> list[int]:
        """Return the ids that generation never chooses, while an answer may not end."""
        return self.ends + (self.model.generation_config.suppress_tokens or [])


@dataclass(frozen=True)
class Sample:
    """One prompt, unpadded, as the model's forward takes it."""

    name: str
    inputs: Mapping[str, Any]
    # (kind, layer) of a vision map -> what it is over the image tokens.
    vision: Callable[[str, int], Tensor] | None = None


@dataclass(frozen=True)
class Rule:
    """What is to be done: a solved schedule, a criterion and its options."""

    cuts: Sequence[tuple[int, float]]
    criterion: str
    options: Mapping[str, Any] = field(default_factory=dict)
    deep_from: int = 1
    seed: int = 0
    contiguous: bool = False
    rounding: str = "half_up"

    @property
    def gradients(self) -> list[tuple[int, int]]:
        """Return the (rank, answer tokens) of the gradients that the scores need."""
        parts = {self.criterion, self.options.get("shallow"), self.options.get("deep")}
        own = [(0, self.options.get("answer_tokens", 1))] if "gradient" in parts else []
        return own + ([(1, 1)] if "gradient_other" in parts else [])


@dataclass(frozen=True)
class Outcome:
    """What has to come out: kept image tokens by cut, logits by step, the greedy answer."""

    kept: list[tuple[int, list[int]]]
    logits: Tensor
    tokens: list[int]


# --- one forward pass -------------------------------------------------------------------------------


@dataclass
class Pass:
    """What a forward pass shows on its way: all tensors of its one row, without the batch dimension."""

    entering: dict[int, Tensor] = field(default_factory=dict)
    attention: dict[int, Tensor] = field(default_factory=dict)
    heads: dict[int, Tensor] = field(default_factory=dict)
    projected: dict[int, tuple[Tensor, Tensor, Tensor, float]] = field(default_factory=dict)
    # Of the layer about to run: columns forbidden -> its attention.
    own: Callable[[Sequence[int]], Tensor] | None = None
    logits: Tensor | None = None


def forward(
    eager: Eager,
    inputs: Mapping[str, Any],
    dropped: Callable[[int, Pass], Sequence[int]] | None = None,
    merged: Callable[[int, Pass], Mapping[int, Tensor]] = lambda layer, seen: {},
    contiguous: bool = False,
) -> Pass:
    """Run the model.

    `dropped(layer, so far)` names the columns that a layer may not look at; `merged(layer, so far)`, asked
    next, gives other hidden states that enter it, by column.
    """
    seen = Pass()

    def arguments(kwargs: dict, hidden: Tensor, columns: Sequence[int]) -> dict:
        changed = {"attention_mask": forbid(kwargs.get("attention_mask"), hidden, columns)}
        if contiguous:
            changed["position_embeddings"] = moved_up(kwargs["position_embeddings"], columns)
        return {**kwargs, **changed}

    def before(index: int) -> Callable:
        def hook(layer: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
            hidden = args[0] if args else kwargs["hidden_states"]
            seen.entering[index] = hidden
            if dropped is None:
                return None

            def own(columns: Sequence[int]) -> Tensor:
                rest = {key: value for key, value in kwargs.items() if key != "hidden_states"}
                layer.forward(hidden, **arguments(rest, hidden, columns))
                return seen.attention[index]

            seen.own = own
            columns, entering = dropped(index, seen), hidden
            for column, state in merged(index, seen).items():
                entering = entering.clone()
                entering[0, column] = state
            seen.entering[index] = entering
            given = arguments(kwargs, entering, columns)
            return ((entering, *args[1:]), given) if args else (args, {**given, "hidden_states": entering})

        return hook

    def after(index: int) -> Callable:
        def hook(module: nn.Module, args: tuple, output: tuple) -> None:
            seen.heads[index] = output[1][0].float()
            seen.attention[index] = seen.heads[index].mean(0)

        return hook

    handles = []
    for index, (layer, attention) in enumerate(zip(eager.layers, eager.attentions, strict=True)):
        handles.append(layer.register_forward_pre_hook(before(index), with_kwargs=True))
        handles.append(attention.register_forward_hook(after(index)))
    try:
        with showing_projections(eager, seen):
            seen.logits = eager.model(**inputs, use_cache=False).logits[0].float()
    finally:
        for handle in handles:
            handle.remove()
    return seen


@contextmanager
def showing_projections(eager: Eager, seen: Pass) -> Iterator[None]:
    """Note what a layer's eager attention is called with: queries, keys, values, scaling."""
    numbers = {id(module): index for index, module in enumerate(eager.attentions)}
    places = {sys.modules[type(module).__module__] for module in eager.attentions}
    originals: dict[Any, Callable] = {place: place.eager_attention_forward for place in places}

    def showing(original: Callable) -> Callable:
        def attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any):
            if id(module) in numbers:
                scaling = kwargs["scaling"]
                seen.projected[numbers[id(module)]] = query[0], key[0], value[0], scaling
            return original(module, query, key, value, *args, **kwargs)

        return attend

    try:
        for place, original in originals.items():
            place.eager_attention_forward = showing(original)
        yield
    finally:
        for place, original in originals.items():
            place.eager_attention_forward = original


def forbid(mask: Tensor | None, hidden: Tensor, columns: Sequence[int]) -> Tensor:
    """Return the additive mask that a layer was given (None: causal) with more columns forbidden."""
    # Not -inf, nor what becomes it in a float32 softmax: the row of a dropped token may be left with
    # nothing to see (in a window, say), and its NaN would reach all rows.
    least = torch.finfo(torch.float32).min
    if mask is None:
        tokens = hidden.shape[1]
        mask = torch.ones(1, 1, tokens, tokens, dtype=torch.bool).tril()
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=hidden.dtype).masked_fill(~mask, least)
    mask = mask.clone()
    mask[..., list(columns)] = least
    return mask


def moved_up(embeddings: tuple[Tensor, ...], columns: Sequence[int]) -> tuple[Tensor, ...]:
    """Return (1, tokens, head size) embeddings by how many columns that may be looked at stand before one."""
    present = torch.ones(embeddings[0].shape[1], dtype=torch.long)
    present[list(columns)] = 0
    return tuple(part[:, present.cumsum(0) - present] for part in embeddings)


def extended(inputs: Mapping[str, Any], tokens: Sequence[int]) -> dict[str, Any]:
    """Append text tokens to a prompt: whatever has its shape describes its tokens and grows with it."""
    ids = inputs["input_ids"]
    new = torch.tensor([list(tokens)], dtype=ids.dtype)
    tails = {"input_ids": new, "attention_mask": torch.ones_like(new)}
    return {
        key: torch.cat([value, tails.get(key, torch.zeros_like(new)).to(value.dtype)], dim=1)
        if isinstance(value, Tensor) and value.shape == ids.shape
        else value
        for key, value in inputs.items()
    }


# --- scores, by the table of definitions ------------------------------------------------------------


@dataclass
class Situation:
    """The state of one sample just before layer `layer` drops image tokens.

    `present` and what follows from it are columns of the prompt; `image[i]` is the column of image
    token i.
    """

    layer: int
    keep: int
    image: list[int]
    present: list[int]
    n_tokens: int
    seen: Pass
    rule: Rule
    sample: Sample
    gradients: Gradients

    @cached_property
    def text_after(self) -> list[int]:
        """Return all columns after the last image token of the prompt, dropped or not."""
        return list(range(max(self.image) + 1, self.n_tokens))

    def attention_from(self, rows: Sequence[int]) -> list[float]:
        """Return per present token what the rows give it in layer l-1."""
        matrix = self.seen.attention[self.layer - 1]
        return matrix[list(rows)][:, self.present].sum(0).tolist()

    def own_attention_from(self, row: int) -> list[float]:
        """Return per present token what a row gives it in layer l, were nothing dropped before that layer."""
        gone = [column for column in self.image if column not in self.present]
        return self.seen.own(gone)[row, self.present].tolist()

    def states(self, layer: int, columns: Sequence[int]) -> list[Tensor]:
        """Return what enters a layer in some columns, in float64."""
        return [self.seen.entering[layer][0, column].double() for column in columns]

    def projections(self, which: int, columns: Sequence[int]) -> list[Tensor]:
        """Return layer l-1's queries, keys or values (0, 1, 2) of some columns, all heads together."""
        found = self.seen.projected[self.layer - 1][which]
        return [found[:, column].flatten().double() for column in columns]


def tower(at: Situation, kind: str, layer: int | None = None) -> list[float]:
    return [float(value) for value in tower_maps(at, kind, layer)]


def tower_maps(at: Situation, kind: str, layer: int | None = None) -> list[Tensor]:
    """Return what the vision tower knew of each present token."""
    found = at.sample.vision(kind, at.rule.options["tower_layer"] if layer is None else layer)
    return [found[at.image.index(column)].double() for column in at.present]


def grid_places(at: Situation) -> list[list[float]]:
    return [place.tolist() for place in tower_maps(at, "grid", -1)]


def attention_deep_mean(at: Situation) -> list[float]:
    received = at.attention_from(at.present)
    return [
        value / sum(row >= column for row in at.present)
        for value, column in zip(received, at.present, strict=True)
    ]


def norm(at: Situation, layer: int) -> list[float]:
    return [math.sqrt(float(at.seen.entering[layer][0, j].double().square().sum())) for j in at.present]


def random(at: Situation) -> list[float]:
    seed = named_seed("random criterion", at.rule.seed, at.sample.name, at.layer)
    order = torch.rand(len(at.image), generator=torch.Generator().manual_seed(seed))
    return [float(order[at.image.index(column)]) for column in at.present]


def gradient(at: Situation, rank: int, answer_tokens: int) -> list[float]:
    scores = at.gradients[rank, answer_tokens][at.layer]
    return [float(scores[column]) for column in at.present]


def grid(at: Situation) -> list[float]:
    """Of m tokens, the i-th is kept where i n / m passes a whole number."""
    have = len(at.present)
    return [float((i + 1) * at.keep // have > i * at.keep // have) for i in range(have)]


def text_relevance(at: Situation) -> list[float]:
    rows = plain_rules.raters(at.states(0, at.present), at.states(0, at.text_after))
    received = at.attention_from([at.text_after[row] for row in rows])
    return [value / len(rows) for value in received]


def fitprune(at: Situation) -> list[float]:
    heads = at.seen.heads[at.layer - 1].tolist()

    def received(rows: Sequence[int], column: int) -> float:
        return sum(max(head[row][column] for head in heads) for row in rows)

    return [
        received(at.text_after, column) * received(at.present, column) / len(at.present)
        for column in at.present
    ]


def pact(at: Situation) -> list[float]:
    query, key, _, scaling = at.seen.projected[at.layer - 1]
    parts = query[:, at.present].double(), key[:, at.present].double()
    return plain_rules.pact(*parts, scaling, at.states(at.layer, at.present))


def displacement(at: Situation) -> list[float]:
    now, before = at.states(at.layer, at.present), at.states(at.layer - 1, at.present)
    return [plain_rules.length(a - b) for a, b in zip(now, before, strict=True)]


def staged(at: Situation, shallow: str, deep: str) -> list[float]:
    return SCORES[deep if at.layer >= at.rule.deep_from else shallow](at)


SCORES: dict[str, Callable[[Situation], list[float]]] = {
    "attention_shallow": lambda at: at.attention_from(at.text_after),
    "attention_deep": lambda at: at.attention_from(at.present),
    "attention_deep_mean": attention_deep_mean,
    "attention_last": lambda at: at.attention_from([at.n_tokens - 1]),
    "attention_own": lambda at: at.own_attention_from(at.n_tokens - 1),
    "attention": lambda at: staged(at, "attention_shallow", "attention_deep"),
    "staged": lambda at: staged(
        at,
        at.rule.options.get("shallow", "attention_shallow"),
        at.rule.options.get("deep", "attention_deep"),
    ),
    "norm": lambda at: norm(at, at.layer),
    "norm_input": lambda at: norm(at, 0),
    "random": random,
    "gradient": lambda at: gradient(at, 0, at.rule.options.get("answer_tokens", 1)),
    "gradient_other": lambda at: gradient(at, 1, 1),
    "first": lambda at: [-float(column) for column in at.present],
    "last": lambda at: [float(column) for column in at.present],
    "grid": grid,
    "cls_attention": lambda at: tower(at, "cls_attention"),
    "tower_attention_received": lambda at: tower(at, "attention_received"),
    "key_norm": lambda at: [plain_rules.length(key) for key in at.projections(1, at.present)],
    "value_norm": lambda at: [plain_rules.length(value) for value in at.projections(2, at.present)],
    "displacement": displacement,
    "text_relevance": text_relevance,
    "fitprune": fitprune,
    "pact": pact,
    # Not a criterion of the study: many ties, which must go to the lower number.
    "ties": lambda at: [float(at.image.index(column) % 3) for column in at.present],
}


def spread(at: Situation, n: int) -> list[int]:
    """Begin with the last token; then take the one whose nearest column among those taken is farthest."""
    taken: list[int] = []
    while len(taken) < n:
        left = [i for i in range(len(at.present)) if i not in taken]
        gaps = [min([abs(at.present[i] - at.present[j]) for j in taken], default=i) for i in left]
        taken.append(left[gaps.index(max(gaps))])
    return taken


# Rules that weigh sets: (situation, how many) -> indices of present tokens.
SETS: dict[str, Callable[[Situation, int], list[int]]] = {
    # No criterion of the study.
    "spread": spread,
    "diversity": lambda at, n: plain_rules.diversity(at.states(at.layer, at.present), n),
    "duplication": lambda at, n: plain_rules.duplication(
        at.projections(1, at.present),
        at.projections(1, at.text_after),
        at.states(at.layer, at.present),
        at.states(at.layer, at.text_after),
        n,
    ),
    "conditional_dpp": lambda at, n: plain_rules.conditional_dpp(
        at.states(at.layer, at.present), at.states(0, at.present), at.states(0, at.text_after), n
    ),
    "coverage": lambda at, n: plain_rules.coverage(
        at.states(at.layer, at.present), at.states(0, at.present), at.states(0, at.text_after), n
    ),
    "deduplication": lambda at, n: plain_rules.deduplication(
        tower_maps(at, "features"), tower(at, "cls_attention"), n
    ),
    "salient_coverage": lambda at, n: plain_rules.salient_coverage(
        tower_maps(at, "features"), tower(at, "cls_attention"), n
    ),
    "chunks": lambda at, n: plain_rules.chunks(
        at.states(at.layer, at.present), tower(at, "cls_attention"), n, at.rule.options["chunks"]
    ),
    "visionzip": lambda at, n: plain_rules.visionzip(
        tower(at, "cls_attention"), n, at.rule.options["contextual"]
    ),
    "prumerge": lambda at, n: plain_rules.prumerge(tower(at, "cls_similarity"), n),
    "hiprune": lambda at, n: plain_rules.hiprune(
        tower(at, "attention_of_all", at.rule.options["object_layer"]),
        tower(at, "attention_of_all"),
        grid_places(at),
        n,
        at.rule.options["alpha"],
    ),
    "pool": lambda at, n: plain_rules.pool(grid_places(at), n),
    "windows": lambda at, n: plain_rules.windows(
        *(tower(at, "cls_attention", at.rule.options[layer]) for layer in ("window_layer", "tower_layer")),
        [place.tolist() for place in tower_maps(at, "places")],
        n,
        at.rule.options["windows"],
    ),
}


# What is added to tokens that stay: (situation, indices that stay) -> index -> index -> weight.
WEIGHTS: dict[str, Callable[[Situation, list[int]], dict[int, dict[int, float]]]] = {
    "visionzip": lambda at, stay: plain_rules.visionzip_weights(
        tower(at, "cls_attention"), tower_maps(at, "keys"), stay, at.rule.options["contextual"]
    ),
    "prumerge": lambda at, stay: plain_rules.prumerge_weights(
        tower(at, "cls_similarity"), tower_maps(at, "keys"), stay, at.rule.options["neighbours"]
    ),
    "pool": lambda at, stay: plain_rules.pool_weights(grid_places(at), stay),
}


def ranked(at: Situation) -> list[int]:
    """Return the columns that are present, the best-scored first."""
    scores = SCORES[at.rule.criterion](at)
    sign = 1 if at.rule.options.get("reverse") else -1
    return [at.present[i] for i in sorted(range(len(scores)), key=lambda i: (sign * scores[i], i))]


def best(at: Situation) -> list[int]:
    """Return the columns that stay."""
    if at.rule.criterion in SETS:
        back = bool(at.rule.options.get("reverse"))
        taken = SETS[at.rule.criterion](at, len(at.present) - at.keep if back else at.keep)
        return [column for i, column in enumerate(at.present) if (i in taken) != back]
    return sorted(ranked(at)[: at.keep])


def chosen(at: Situation) -> tuple[list[int], dict[int, int]]:
    """Return the columns that stay, and which dropped ones go into which of them."""
    how = at.rule.options.get("merge", "drop")
    states = {column: at.seen.entering[at.layer][0, column].double() for column in at.present}
    if how == "recycle":
        return recycle(states, ranked(at), at.keep)
    stay = best(at)
    gone = [column for column in at.present if column not in stay]
    return stay, into_nearest(states, stay, gone) if how == "average" else {}


def sums(at: Situation, stay: Sequence[int]) -> dict[int, dict[int, float]]:
    """Return column that stays -> column that is added to it -> how much of it."""
    if at.rule.options.get("merge") != "weighted":
        return {}
    found = WEIGHTS[at.rule.criterion](at, [at.present.index(column) for column in stay])
    return {at.present[i]: {at.present[j]: w for j, w in some.items()} for i, some in found.items()}


# --- the whole of it --------------------------------------------------------------------------------


def count(share: float, n: int, present: int, rounding: str) -> int:
    """Return share x N as a whole number, at least 1 unless the share is 0, never more than before."""
    if share == 0:
        return 0
    # A share comes from a solver that is exact to 1e-9 tokens, and often lies on the edge itself.
    tokens = share * n + 1e-9
    whole = {
        "half_up": lambda: math.floor(tokens + 0.5),
        "half_even": lambda: round(round(tokens, 7)),
        "floor": lambda: math.floor(tokens),
    }[rounding]()
    return min(present, max(1, whole))


@torch.no_grad()
def unpruned_answer(eager: Eager, inputs: Mapping[str, Any], rank: int, answer_tokens: int) -> list[int]:
    """Return the model's own greedy answer, its end included; `rank` 1: the second-ranked first token."""
    answer: list[int] = []
    while len(answer) < answer_tokens and not (answer and answer[-1] in eager.ends):
        logits = forward(eager, extended(inputs, answer)).logits[-1]
        ranked = logits.argsort(descending=True).tolist()
        answer.append(ranked[0 if answer else rank])
    return answer


def saliency(eager: Eager, sample: Sample, rank: int, answer_tokens: int) -> dict[int, Tensor]:
    """Return layer -> (tokens,): sum over features of abs(h * dJ/dh) in the unpruned model."""
    answer = unpruned_answer(eager, sample.inputs, rank, answer_tokens)
    with torch.enable_grad():
        seen = forward(eager, extended(sample.inputs, answer[:-1]))
        log_probabilities = seen.logits[-len(answer) :].log_softmax(-1)
        total = sum(log_probabilities[step, token] for step, token in enumerate(answer))
        layers = range(len(eager.layers))
        gradients = torch.autograd.grad(total, [seen.entering[layer] for layer in layers])
    return {
        layer: (seen.entering[layer].detach() * gradient)[0].abs().sum(-1)
        for layer, gradient in zip(layers, gradients, strict=True)
    }


@torch.no_grad()
def oracle(
    eager: Eager,
    sample: Sample,
    rule: Rule,
    steps: int,
    gradients: Gradients,
    guess: Sequence[int] = (),
) -> Outcome:
    """Prune one prompt and let the model answer it greedily.

    Parameters
    ----------
    eager : Eager
        The model.
    sample : Sample
        The prompt.
    rule : Rule
        What to prune by.
    steps : int
        Tokens to generate; the answer is not allowed to end before.
    gradients : mapping
        The `saliency` of this sample for each of `rule.gradients`.
    guess : sequence of int
        What the answer may be. Passes are saved as far as it turns out to be what the model says, and nothing
        else depends on it: no token sees those behind it.
    """
    ids = sample.inputs["input_ids"][0].tolist()
    image = [column for column, token in enumerate(ids) if token == eager.image_token_id]
    cuts = dict(rule.cuts) if image else {}
    present = {-1: image}
    # Layer -> dropped column -> where it goes; of how many tokens each column is the mean before a layer.
    into: dict[int, dict[int, int]] = {}
    added: dict[int, dict[int, dict[int, float]]] = {}
    sizes = {-1: dict.fromkeys(image, 1)}

    def choose(layer: int, seen: Pass) -> Sequence[int]:
        """Select once, in the prompt's own pass; later passes find the selection made."""
        if layer not in present:
            now, into[layer], sizes[layer] = present[layer - 1], {}, dict(sizes[layer - 1])
            added[layer] = {}
            if layer in cuts:
                keep = count(cuts[layer], len(image), len(now), rule.rounding)
                at = Situation(layer, keep, image, now, len(ids), seen, rule, sample, gradients)
                # No question of rank arises where all or nothing stays.
                if keep < len(now):
                    now, into[layer] = chosen(at) if keep else ([], {})
                    added[layer] = sums(at, now)
                for column, target in into[layer].items():
                    sizes[layer][target] += sizes[layer - 1][column]
            present[layer] = now
        return [column for column in image if column not in present[layer]]

    def merge(layer: int, seen: Pass) -> dict[int, Tensor]:
        if not into[layer] and not added[layer]:
            return {}
        states = {column: seen.entering[layer][0, column] for column in image}
        return averages(states, sizes[layer - 1], into[layer]) | weighted(layer, states)

    def weighted(layer: int, states: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """Return what becomes of tokens that others are added to: to states, or to the projector's inputs."""
        found = {}
        of_inputs = (
            added[layer] and layer == 0 and rule.options.get("before_projector", rule.criterion != "pool")
        )
        project = eager.model.base_model.multi_modal_projector if of_inputs else None
        inputs = sample.vision("projector_inputs", -1) if of_inputs else None
        for column, some in added[layer].items():
            if inputs is None:
                found[column] = states[column] + sum(weight * states[other] for other, weight in some.items())
                continue
            own = inputs[image.index(column)]
            total = own + sum(weight * inputs[image.index(other)] for other, weight in some.items())
            found[column] = states[column] + project(total[None, None])[0, 0] - project(own[None, None])[0, 0]
        return found

    tokens: list[int] = []
    logits: list[Tensor] = []
    while len(tokens) < steps:
        ahead = [*tokens, *guess[len(tokens) : steps - 1]]
        seen = forward(eager, extended(sample.inputs, ahead), choose, merge, rule.contiguous)
        for last in seen.logits[len(ids) - 1 + len(tokens) :]:
            logits.append(last)
            allowed = last.clone()
            allowed[eager.unsaid] = -torch.inf
            tokens.append(int(allowed.argmax()))
            if tokens != ahead[: len(tokens)]:
                guess = ()
                break
    numbers = {column: number for number, column in enumerate(image)}
    kept = [(layer, [numbers[column] for column in present[layer]]) for layer in sorted(cuts)]
    return Outcome(kept, torch.stack(logits), tokens)
