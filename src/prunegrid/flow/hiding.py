"""Hide a flow of attention in some layers: queries of one kind see no keys of another there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.errors import PruningError
from prunegrid.flow.token_kinds import TokenKinds, arguments_of, check_attention
from prunegrid.pruning.attention import Projected, observe
from prunegrid.pruning.context import HOOKED
from prunegrid.pruning.families import family_of
from prunegrid.results.flow_rows import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Masking


@contextmanager
def hidden(model: PreTrainedModel, masking: Masking | None) -> Iterator[None]:
    """Hide a flow from the model within the context; None hides nothing.

    Every decoder layer is given a whole mask, also where the model would be content with none, so that with
    and without hiding the same attention kernel runs. Tokens that are generated are text: they see no image
    tokens in those layers either. An image token always sees itself, so that its row is never empty.

    Parameters
    ----------
    model : PreTrainedModel
        With SDPA or eager attention. Prompts are padded on the left.
    masking : Masking or None
        What is hidden, and where.

    Raises
    ------
    PruningError
        If the model has other attention, or is within another such context or one of `prune`, which changes
        masks and positions as well; within the context, if it is given a prompt in pieces.
    """
    check_attention(model)
    if HOOKED in vars(model):
        raise PruningError(f"this model {vars(model)[HOOKED]} already: no flow can be hidden in it meanwhile")
    family = family_of(model.config.model_type)
    masks = _Masks(model, masking)
    with ExitStack() as stack:
        vars(model)[HOOKED] = "has a flow hidden"
        stack.callback(vars(model).pop, HOOKED)
        stack.callback(model.register_forward_pre_hook(masks.enter, with_kwargs=True).remove)
        stack.enter_context(
            observe([family.attention(layer) for layer in family.layers(model)], masks.of_layer)
        )
        yield


class _Masks:
    """The masks of one pass; those of layers that are alike are made once."""

    def __init__(self, model: PreTrainedModel, masking: Masking | None) -> None:
        self._model, self._masking = model, masking
        self._prompt: TokenKinds | None = None
        self._kinds: TokenKinds | None = None
        # The model's own mask is held with the one that takes its place: an id is not given away meanwhile.
        self._made: dict[tuple[Any, ...], tuple[Tensor | None, Tensor]] = {}

    def enter(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """See what a pass is of: a prompt, or tokens after it."""
        inputs = arguments_of(self._model, args, kwargs)
        cache = inputs.get("past_key_values")
        held = 0 if cache is None else cache.get_seq_length()
        self._made.clear()
        if held == 0:
            self._prompt = self._kinds = TokenKinds.of(self._model, inputs)
            return
        width = 0 if self._prompt is None else self._prompt.image.shape[1]
        if self._prompt is None or held < width:
            raise PruningError("a prompt in pieces cannot have flows hidden: turn chunked prefill off")
        self._kinds = self._prompt.followed_by(held + inputs["input_ids"].shape[1] - width)

    def of_layer(self, module: nn.Module, projected: Projected) -> Tensor:
        """Return the mask that a layer is to have."""
        assert self._kinds is not None  # the model was entered
        mask, n_keys = projected.mask, projected.key.shape[2]
        layer, where = cast(int, module.layer_idx), self._masking
        flow = where.flow if where is not None and where.first <= layer < where.end else None
        device = projected.query.device
        known = (id(mask), n_keys, flow, device)
        if known not in self._made:
            self._made[known] = mask, self._mask(projected, flow)
        return self._made[known][1]

    def _mask(self, projected: Projected, flow: str | None) -> Tensor:
        assert self._kinds is not None
        kinds = self._kinds.to(projected.query.device)
        n_queries, n_keys = projected.query.shape[2], projected.key.shape[2]
        # Queries are the last tokens; so are keys, where a cache keeps no more than a window.
        total = kinds.image.shape[1]
        columns = torch.arange(total, device=kinds.image.device)
        rows, keys = columns[total - n_queries :], columns[total - n_keys :]
        mask = projected.mask
        if mask is None:
            # Nothing is padded, and a row sees all that is not after it.
            seen = (keys <= rows[:, None])[None, None]
            mask = torch.zeros(seen.shape, dtype=projected.query.dtype, device=seen.device)
            mask = mask.masked_fill(~seen, torch.finfo(mask.dtype).min)
        if flow is None:
            return mask
        queries = {TEXT_TO_IMAGE: kinds.text, IMAGE_TO_IMAGE: kinds.image}[flow]
        hide = queries[:, rows, None] & kinds.image[:, None, keys] & (rows[:, None] != keys)
        if mask.dtype == torch.bool:
            return mask & ~hide[:, None]
        return mask.masked_fill(hide[:, None], torch.finfo(mask.dtype).min)
