"""From a batch of prompts to rows of predictions: greedy answers, first logits, depths of image tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from prunegrid.errors import PrunegridError
from prunegrid.inputs import Batch, Prompt, collate
from prunegrid.loading import LoadedModel
from prunegrid.pruning import Pruning

if TYPE_CHECKING:
    from prunegrid.benchmarks.base import Adapter

TOP_K = 5


class _FirstLogits(LogitsProcessor):
    """Keeps the logits of the first generated position; changes nothing."""

    logits: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self.logits is None:
            self.logits = scores.float().cpu()
        return scores


def generate_rows(
    loaded: LoadedModel,
    adapter: Adapter,
    prompts: Sequence[Prompt],
    pruning: Pruning | None,
    max_new_tokens: int,
) -> list[dict[str, Any]]:
    """Return one row per prompt; what a prompt alone cannot pass becomes its error row."""
    try:
        return list(_generate(loaded, adapter, collate(prompts, loaded), pruning, max_new_tokens))
    except (PrunegridError, ValueError) as error:
        if len(prompts) == 1:
            return [error_row(replace(prompts[0], error=f"{type(error).__name__}: {error}"))]
    return [
        row for prompt in prompts for row in generate_rows(loaded, adapter, [prompt], pruning, max_new_tokens)
    ]


@torch.no_grad()
def _generate(
    loaded: LoadedModel, adapter: Adapter, batch: Batch, pruning: Pruning | None, max_new_tokens: int
) -> Iterator[dict[str, Any]]:
    """Generate greedily and yield one row per prompt."""
    if pruning is not None:
        pruning.sample_ids = [prompt.sample.sample_id for prompt in batch.prompts]
    first = _FirstLogits()
    tokenizer = loaded.processor.tokenizer
    sequences = loaded.model.generate(
        **batch.inputs,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        pad_token_id=tokenizer.pad_token_id,
        logits_processor=LogitsProcessorList([first]),
    )
    new = sequences[:, batch.inputs["input_ids"].shape[1] :].cpu()
    ends = loaded.model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    image_id = loaded.family.image_token_id(loaded.model.config)
    n_layers = len(loaded.family.layers(loaded.model))
    top = first.logits.topk(TOP_K)
    for row, prompt in enumerate(batch.prompts):
        tokens = _until_end(new[row].tolist(), ends)
        places = (prompt.input_ids == image_id).nonzero()
        n_image = len(places)
        n_tokens = len(prompt.input_ids)
        words = adapter.option_words(prompt.sample)
        yield {
            **_question(prompt),
            "prediction": tokenizer.decode(tokens, skip_special_tokens=True),
            "n_image_tokens": n_image,
            "n_text_tokens": n_tokens - n_image,
            "n_text_after": n_tokens - 1 - int(places[-1]) if n_image else n_tokens,
            "image_grids": prompt.grids,
            "n_generated": len(tokens),
            "n_explained": pruning.explained[row] if pruning else 0,
            "token_depth": token_depth(n_image, n_layers, pruning.kept[row] if pruning else []),
            "first_token_id": tokens[0],
            "first_topk": [
                {"id": token, "logit": logit}
                for token, logit in zip(top.indices[row].tolist(), top.values[row].tolist(), strict=True)
            ],
            "choice_logits": _word_logits(tokenizer, first.logits[row], words) if words else None,
            "status": "ok",
            "error": None,
        }


def _until_end(tokens: list[int], ends: set[int]) -> list[int]:
    """Return generated tokens up to and with the first end-of-sequence token."""
    for place, token in enumerate(tokens):
        if token in ends:
            return tokens[: place + 1]
    return tokens


def _word_logits(tokenizer: Any, logits: Tensor, words: Iterable[str]) -> list[float]:
    """Return the first position's logit of each word: its first token, with or without a space before it."""
    found = []
    for word in words:
        ids = {tokenizer.encode(text, add_special_tokens=False)[0] for text in (word, f" {word}")}
        # Some tokenizers split the space off: a token of nothing but space is not the word's.
        texts = {token: tokenizer.decode([token]).strip() for token in ids}
        found.append(
            max(float(logits[token]) for token, text in texts.items() if text and word.startswith(text))
        )
    return found


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
