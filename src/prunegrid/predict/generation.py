"""From a batch of prompts to rows of predictions: greedy answers, first logits, depths of image tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from prunegrid.errors import PrunegridError
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.prompts import Batch, Prompt, collate
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.prefix_sharing import PrefixSharing

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter, Sample

TOP_K = 5


class _FirstLogits(LogitsProcessor):
    """Keeps the logits of the first generated position; changes nothing."""

    logits: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self.logits is None:
            self.logits = scores.float().cpu()
        return scores


class Answers:
    """Answers of one model to the prompts of one benchmark.

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
        self._loaded, self._adapter, self._max_new_tokens = loaded, adapter, max_new_tokens
        ends = loaded.model.generation_config.eos_token_id
        self._ends = set(ends if isinstance(ends, list) else [ends])
        self._image_id = loaded.family.image_token_id(loaded.model.config)
        self._n_layers = len(loaded.family.layers(loaded.model))
        self._word_ids: dict[str, list[int]] = {}

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
            return list(self._generate(batch, pruning, sharing))
        except (PrunegridError, ValueError) as error:
            if len(batch.prompts) == 1:
                return [error_row(replace(batch.prompts[0], error=f"{type(error).__name__}: {error}"))]
        alone = [collate([prompt], self._loaded) for prompt in batch.prompts]
        return [row for one in alone for row in self.rows(one, pruning)]

    @torch.no_grad()
    def _generate(
        self, batch: Batch, pruning: Pruning | None, sharing: PrefixSharing | None
    ) -> Iterator[dict[str, Any]]:
        """Generate greedily and yield one row per prompt."""
        if pruning is not None:
            pruning.sample_ids = [prompt.sample.sample_id for prompt in batch.prompts]
        first = _FirstLogits()
        tokenizer = self._loaded.processor.tokenizer
        with nullcontext() if pruning is None else pruning.hooked(sharing):
            sequences = self._loaded.model.generate(
                **batch.inputs,
                max_new_tokens=self._max_new_tokens,
                do_sample=False,
                num_beams=1,
                pad_token_id=tokenizer.pad_token_id,
                logits_processor=LogitsProcessorList([first]),
            )
        new = sequences[:, batch.inputs["input_ids"].shape[1] :].tolist()
        top = first.logits.topk(TOP_K)
        for row, prompt in enumerate(batch.prompts):
            tokens = self._until_end(new[row])
            places = (prompt.input_ids == self._image_id).nonzero()
            n_image = len(places)
            n_tokens = len(prompt.input_ids)
            yield {
                **_question(prompt),
                "prediction": tokenizer.decode(tokens, skip_special_tokens=True),
                "n_image_tokens": n_image,
                "n_text_tokens": n_tokens - n_image,
                "n_text_after": n_tokens - 1 - int(places[-1]) if n_image else n_tokens,
                "image_grids": prompt.grids,
                "n_generated": len(tokens),
                "n_explained": pruning.explained[row] if pruning else 0,
                "token_depth": token_depth(n_image, self._n_layers, pruning.kept[row] if pruning else []),
                "first_token_id": tokens[0],
                "first_topk": [
                    {"id": token, "logit": logit}
                    for token, logit in zip(top.indices[row].tolist(), top.values[row].tolist(), strict=True)
                ],
                "choice_logits": self._choice_logits(prompt.sample, first.logits[row]),
                "status": "ok",
                "error": None,
            }

    def _until_end(self, tokens: list[int]) -> list[int]:
        """Return generated tokens up to and with the first end-of-sequence token."""
        for place, token in enumerate(tokens):
            if token in self._ends:
                return tokens[: place + 1]
        return tokens

    def _choice_logits(self, sample: Sample, logits: Tensor) -> list[float] | None:
        """Return the first position's logit of each option's word, or None where a sample has none."""
        words = self._adapter.option_words(sample)
        if not words:
            return None
        for word in words:
            if word not in self._word_ids:
                self._word_ids[word] = self._first_ids(word)
        return [max(float(logits[token]) for token in self._word_ids[word]) for word in words]

    def _first_ids(self, word: str) -> list[int]:
        """Return the tokens that a word may begin with: with or without a space before it."""
        tokenizer = self._loaded.processor.tokenizer
        ids = {tokenizer.encode(text, add_special_tokens=False)[0] for text in (word, f" {word}")}
        # Some tokenizers split the space off: a token of nothing but space is not the word's.
        texts = {token: tokenizer.decode([token]).strip() for token in ids}
        return [token for token, text in texts.items() if text and word.startswith(text)]


def token_depth(n_image: int, n_layers: int, kept: Iterable[tuple[int, Sequence[int]]]) -> list[int]:
    """Return per image token how many layers computed on it; `n_layers` if it was never dropped."""
    depth = [n_layers] * n_image
    present = set(range(n_image))
    for layer, numbers in kept:
        for number in present - set(numbers):
            depth[number] = layer
        present = set(numbers)
    return depth


def _question(prompt: Prompt) -> dict[str, Any]:
    sample = prompt.sample
    return {
        "sample_id": sample.sample_id,
        "image_id": sample.image_id,
        "prompt": prompt.text,
        "question": sample.question,
        "choices": list(sample.choices) if sample.choices is not None else None,
        "answer": sample.answer,
        "references": list(sample.references) if sample.references is not None else None,
    }


def error_row(prompt: Prompt) -> dict[str, Any]:
    """Return the row of a prompt that could not be run."""
    return {
        **_question(prompt),
        "prediction": "",
        "n_image_tokens": 0,
        "n_text_tokens": 0,
        "n_text_after": 0,
        "image_grids": [],
        "n_generated": 0,
        "n_explained": 0,
        "token_depth": [],
        "first_token_id": None,
        "first_topk": [],
        "choice_logits": None,
        "status": "error",
        "error": prompt.error,
    }
