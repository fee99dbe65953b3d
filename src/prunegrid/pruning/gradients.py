"""Gradient x input of the unpruned model's own answer, one decoder layer at a time.

A pass without a graph keeps the state that enters each layer. Then the layers are run again from the last to
the first, each with a graph of its own, and the gradient is handed from one to the one before: memory holds
one state a layer and the graph of a single layer, whatever the depth. That costs a second forward pass.

In 16 bit a gradient's small entries would become 0. So each row's gradient is multiplied by a power of two
before every layer, which changes no digit, and the scores are divided by it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.errors import PruningError
from prunegrid.pruning.determinism import deterministic
from prunegrid.pruning.explained_answer import MOST_ANSWER_TOKENS
from prunegrid.pruning.memory_errors import ran_out
from prunegrid.pruning.unpruned_answer import greedy_answer, ranked_token, with_answer

Hook = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]
# The largest entry of a row's gradient is brought to 2 ** _PEAK before a layer: float16 ends at 2 ** 16, and
# the sums within a layer need room. Where they overflow all the same, it is tried with less.
_PEAK, _LOWEST_PEAK, _STEP = 8, -8, 4
# Exponents of the smallest probability that an answer's gradient is scaled by: float32 ends at 2 ** 127.
_LEAST_EXPONENT = -100


@dataclass
class _Pass:
    """What a pass without a graph leaves: the arguments of every layer, and the last layer's output."""

    arguments: dict[int, dict[str, Any]] = field(default_factory=dict)
    states: dict[int, Tensor] = field(default_factory=dict)
    last: Tensor = field(init=False)


def unpruned_saliency(
    model: PreTrainedModel,
    layers: nn.ModuleList,
    inputs: Mapping[str, Any],
    image_columns: list[Tensor],
    rank: int,
    answer_tokens: int,
) -> tuple[Tensor, list[int]]:
    """Compute sum over features of abs(h * dJ/dh) for the state h entering every layer.

    Parameters
    ----------
    model : PreTrainedModel
        The model, with pruning switched off.
    layers : ModuleList
        Its decoder layers.
    inputs : mapping
        The prefill's keyword arguments, without cache.
    image_columns : list of Tensor
        Per batch row the columns of its image tokens.
    rank : int
        0: J is the log-probability of the greedy answer; 1: of the second-ranked first token.
    answer_tokens : int
        Tokens of the answer in J, 1..32; it ends early at the model's end-of-sequence token.

    Returns
    -------
    Tensor
        (batch, layers, most image tokens), float32; 0 beyond a row's own.
    list of int
        Per row, how many tokens of the answer J is made of.

    Raises
    ------
    PruningError
        Under `torch.inference_mode`, for a number of answer tokens out of range, or if a gradient overflows
        float16 however small it is made.
    """
    if torch.is_inference_mode_enabled():
        raise PruningError("gradient criteria cannot run under torch.inference_mode: use torch.no_grad")
    if not 1 <= answer_tokens <= MOST_ANSWER_TOKENS:
        raise PruningError(f"answer_tokens={answer_tokens} is not among 1..{MOST_ANSWER_TOKENS}")
    inputs = {**inputs, "use_cache": False}
    for key in ("past_key_values", "cache_position", "labels"):
        inputs.pop(key, None)
    answer: Tensor | None = None
    counts: Tensor | None = None
    if answer_tokens > 1:
        answer, counts = greedy_answer(model, inputs, rank, answer_tokens)
        inputs = with_answer(inputs, answer[:, :-1])
    length = 1 if answer is None else answer.shape[1]
    inputs["logits_to_keep"] = length
    kept = _Pass()
    with _frozen(model), torch.no_grad():
        with _remembered(layers, kept):
            # From the last layer's output on the pass has a graph; see `_remembered`.
            logits = model(**inputs).logits[:, -length:].float()
        if answer is None or counts is None:
            # A single token needs no pass before this one.
            answer = ranked_token(logits, rank)[:, None]
            counts = torch.ones_like(answer, dtype=torch.bool)
        for peak in range(_PEAK, _LOWEST_PEAK - 1, -_STEP):
            found = _scores(layers, kept, logits, answer, counts, image_columns, peak)
            if bool(found.isfinite().all()):
                return found, counts.sum(1).tolist()
    raise PruningError(
        f"the gradient of the answer overflows {model.dtype}: gradient criteria need bfloat16 or float32"
    )


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Take no gradients of parameters: graphs then hold activations alone."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


@contextmanager
def _remembered(layers: nn.ModuleList, kept: _Pass) -> Iterator[None]:
    """Keep what enters each layer; let a graph begin at the last layer's output."""

    def remember(index: int) -> Hook:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            named = {**kwargs, "hidden_states": args[0]} if args else dict(kwargs)
            kept.states[index] = named.pop("hidden_states")
            kept.arguments[index] = named

        return hook

    def branch(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        kept.last = output.detach().requires_grad_()
        torch.set_grad_enabled(True)
        return kept.last

    handles = [
        layers[index].register_forward_pre_hook(remember(index), with_kwargs=True)
        for index in range(len(layers))
    ]
    handles.append(layers[-1].register_forward_hook(branch))
    try:
        yield
    finally:
        torch.set_grad_enabled(False)
        for handle in handles:
            handle.remove()


def _scores(
    layers: nn.ModuleList,
    kept: _Pass,
    logits: Tensor,
    answer: Tensor,
    counts: Tensor,
    image_columns: list[Tensor],
    peak: int,
) -> Tensor:
    """Go through the layers from the last to the first, and return the scores that they give."""
    most = max(1, *(len(columns) for columns in image_columns))
    result = torch.zeros(len(image_columns), len(layers), most, device=answer.device)
    gradient, exponents = _of_logits(kept, logits, answer, counts, peak)
    for index in range(len(layers) - 1, -1, -1):
        gradient = _through(layers[index], kept.states[index], kept.arguments[index], gradient)
        scores = (kept.states[index].float() * gradient.float()).abs().sum(-1)
        scores = torch.ldexp(scores, -exponents[:, None].to(scores.device))
        for row, columns in enumerate(image_columns):
            result[row, index, : len(columns)] = scores[row, columns.to(scores.device)]
        gradient, added = _scaled(gradient, peak)
        exponents = exponents.to(added.device) + added
    return result


def _of_logits(
    kept: _Pass, logits: Tensor, answer: Tensor, counts: Tensor, peak: int
) -> tuple[Tensor, Tensor]:
    """Return the scaled gradient of J in the last layer's output, and per row the exponent of its scale.

    log p of a token is -softplus(d), d the log-odds of all other tokens against it: so the gradient of a sure
    answer, which is 1 - p, is not the difference of two numbers near 1.
    """
    with torch.enable_grad():
        gold = logits.gather(2, answer[:, :, None])
        others = logits.scatter(2, answer[:, :, None], -torch.inf).logsumexp(-1)
        against = others - gold[..., 0]
        chosen = -nn.functional.softplus(against)
        with torch.no_grad():
            unsure = torch.where(counts, against.sigmoid(), 0.0).amax(1)
            exponents = peak - torch.frexp(unsure).exponent.clamp_min(_LEAST_EXPONENT)
        # Rows do not see each other, so one backward pass of the sum serves all of them.
        objective = torch.ldexp((chosen * counts).sum(1), exponents).sum()
        (gradient,) = torch.autograd.grad(objective, kept.last, retain_graph=True)
    gradient, added = _scaled(gradient, peak)
    return gradient, exponents.to(added.device) + added


def _scaled(gradient: Tensor, peak: int) -> tuple[Tensor, Tensor]:
    """Bring each row's largest entry to 2 ** peak by a power of two; return the exponents, (batch,)."""
    largest = gradient.abs().amax((1, 2)).float()
    exponents = torch.where((largest > 0) & largest.isfinite(), peak - torch.frexp(largest).exponent, 0)
    return torch.ldexp(gradient.float(), exponents[:, None, None]).to(gradient.dtype), exponents


def _through(layer: nn.Module, states: Tensor, arguments: Mapping[str, Any], gradient: Tensor) -> Tensor:
    """Return the gradient in what entered a layer; halves of the batch where memory runs out."""
    try:
        with torch.enable_grad(), deterministic(states.device):
            entering = states.detach().requires_grad_()
            output = layer(entering, **arguments)
            (found,) = torch.autograd.grad(output, entering, gradient.to(output.device))
        return found
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error) or len(states) == 1:
            raise
    halves = (slice(0, len(states) // 2), slice(len(states) // 2, len(states)))
    return torch.cat(
        [
            _through(layer, states[rows], _rows(arguments, rows, len(states)), gradient[rows])
            for rows in halves
        ]
    )


# Where an argument of a layer has its batch dimension, counted from the end; from the front for others.
_BATCH_DIMENSION = {"position_ids": -2, "position_embeddings": -3}


def _rows(arguments: Mapping[str, Any], rows: slice, batch: int) -> dict[str, Any]:
    """Return a layer's arguments for some rows of the batch; what all rows share stays as it is."""

    def some(name: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(some(name, part) for part in value)
        dimension = _BATCH_DIMENSION.get(name, 0)
        if not isinstance(value, Tensor) or value.dim() < 2 or value.shape[dimension] != batch:
            return value
        return value.narrow(dimension, rows.start, rows.stop - rows.start)

    return {name: some(name, value) for name, value in arguments.items()}
