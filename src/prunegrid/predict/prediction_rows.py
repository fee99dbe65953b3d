"""Rows of predictions.parquet from a batch of prompts: answers, or error rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prunegrid.errors import PrunegridError
from prunegrid.predict.decoding import decode_greedily
from prunegrid.predict.hardware import describe_model
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.option_logits import OptionLogits
from prunegrid.predict.prompts import Batch, Prompt, collate
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.results.predictions import prediction_row

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter

TOP_K = 5
# Token 0 is the likeliest of logits that are all NaN, and decodes to an empty text.
NOT_FINITE = (
    "the model's logits are NaN or infinite in {dtype}: its numbers do not fit; "
    "set `dtype` to bfloat16 or float32, or see whether its weights are whole"
)


class RowMaker:
    """Turns prompts of one benchmark into rows, with one model.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    adapter : Adapter
        The benchmark: which words' first logits are stored.
    max_new_tokens : int
        Longest answer.
    """

    def __init__(self, loaded: LoadedModel, adapter: Adapter, max_new_tokens: int) -> None:
        self._loaded, self._max_new_tokens = loaded, max_new_tokens
        self._option_logits = OptionLogits(loaded.processor.tokenizer, adapter)
        self._image_id = loaded.family.image_token_id(loaded.model.config)
        self._n_layers = len(loaded.family.layers(loaded.model))

    def rows(
        self, batch: Batch, pruning: Pruning | None, sharing: PrefixSharing | None = None
    ) -> list[dict[str, Any]]:
        """Return one row per prompt; what a prompt alone cannot pass becomes its error row.

        Parameters
        ----------
        batch : Batch
            The prompts.
        pruning : Pruning or None
            How the cell prunes.
        sharing : PrefixSharing, optional
            Layers that the cells of this batch have in common.
        """
        try:
            return list(self._answered(batch, pruning, sharing))
        except (PrunegridError, ValueError) as error:
            if len(batch.prompts) == 1:
                return [error_row(replace(batch.prompts[0], error=f"{type(error).__name__}: {error}"))]
        alone = [collate([prompt], self._loaded) for prompt in batch.prompts]
        return [row for one in alone for row in self.rows(one, pruning)]

    def _answered(
        self, batch: Batch, pruning: Pruning | None, sharing: PrefixSharing | None
    ) -> Iterator[dict[str, Any]]:
        decoded = decode_greedily(self._loaded, batch, self._max_new_tokens, pruning, sharing)
        top = decoded.first_logits.topk(TOP_K)
        for number, (prompt, tokens) in enumerate(zip(batch.prompts, decoded.tokens, strict=True)):
            if decoded.first_broken[number] is not None:
                told = NOT_FINITE.format(**describe_model(self._loaded.model))
                yield error_row(replace(prompt, error=told))
                continue
            places = (prompt.input_ids == self._image_id).nonzero()
            n_image, n_tokens = len(places), len(prompt.input_ids)
            ids, logits = top.indices[number].tolist(), top.values[number].tolist()
            yield prediction_row(
                **_asked(prompt),
                prediction=self._loaded.processor.tokenizer.decode(tokens, skip_special_tokens=True),
                n_image_tokens=n_image,
                n_full_image_tokens=prompt.n_full_image_tokens or n_image,
                n_text_tokens=n_tokens - n_image,
                n_text_after=n_tokens - 1 - int(places[-1]) if n_image else n_tokens,
                image_grids=prompt.grids,
                n_generated=len(tokens),
                n_explained=pruning.explained[number] if pruning else 0,
                token_depth=token_depth(n_image, self._n_layers, pruning.kept[number] if pruning else []),
                cut_ties=pruning.ties[number] if pruning else [],
                first_token_id=tokens[0],
                first_topk=[{"id": i, "logit": logit} for i, logit in zip(ids, logits, strict=True)],
                choice_logits=self._option_logits.of(prompt.sample, decoded.first_logits[number]),
                status="ok",
            )


def error_row(prompt: Prompt) -> dict[str, Any]:
    """Return the row of a prompt that could not be run: what was asked, and why there is no answer."""
    return prediction_row(**_asked(prompt), status="error", error=prompt.error)


def token_depth(n_image: int, n_layers: int, kept: Iterable[tuple[int, Sequence[int]]]) -> list[int]:
    """Return per image token how many layers computed on it; `n_layers` if it was never dropped.

    Parameters
    ----------
    n_image, n_layers : int
        Image tokens of the prompt; decoder layers.
    kept : iterable of (int, sequence of int)
        Layer, and the image tokens kept before it, ascending.
    """
    depth = [n_layers] * n_image
    present = set(range(n_image))
    for layer, numbers in kept:
        for number in present - set(numbers):
            depth[number] = layer
        present = set(numbers)
    return depth


def _asked(prompt: Prompt) -> dict[str, Any]:
    """Return the columns that say what was asked."""
    sample = prompt.sample
    return {
        "sample_id": sample.sample_id,
        "image_id": sample.image_id,
        "prompt": prompt.text,
        "question": sample.question,
        "choices": list(sample.choices) if sample.choices is not None else None,
        "answer": sample.answer,
        "references": list(sample.references) if sample.references is not None else None,
        "document": sample.document,
    }
