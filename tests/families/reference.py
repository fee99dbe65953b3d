"""The same answers without prunegrid's input path: transformers' own template, processor and `generate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText, PreTrainedModel, ProcessorMixin

from prunegrid import prune

NEW_TOKENS = 4


def inputs_of(processor: ProcessorMixin, images: Sequence[Image.Image], text: str) -> dict[str, Tensor]:
    """Return what the processor makes of a conversation, in one call, pixels included."""
    content = [*({"type": "image", "image": image} for image in images), {"type": "text", "text": text}]
    return dict(
        processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
    )


def raw_model(folder, attn_implementation: str = "eager") -> PreTrainedModel:
    """Return the checkpoint's model as transformers loads it."""
    return AutoModelForImageTextToText.from_pretrained(
        folder, attn_implementation=attn_implementation, use_safetensors=True
    ).eval()


@dataclass(frozen=True)
class Answer:
    """What a model generated from pixels.

    Attributes
    ----------
    tokens : list of int
        As generated, without what came after an end.
    first : Tensor
        (vocabulary,), logits of the first position.
    kept : list of (int, list of int)
        As `Pruning.kept` of the one row.
    """

    tokens: list[int]
    first: Tensor
    kept: list[tuple[int, list[int]]]


def answer(model: PreTrainedModel, inputs: dict[str, Tensor], sample_id: str, **pruning) -> Answer:
    """Generate from pixel values; `pruning` are arguments of `prune`."""
    # Said out loud: checkpoints ship sampling and penalties.
    settings = {"do_sample": False, "repetition_penalty": 1.0, "max_new_tokens": NEW_TOKENS}
    with prune(model, **pruning, sample_ids=[sample_id]) as run, torch.no_grad():
        output = model.generate(**inputs, **settings, return_dict_in_generate=True, output_scores=True)
    new = output.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    end = model.generation_config.eos_token_id
    if end in new:
        new = new[: new.index(end) + 1]
    return Answer(new, output.scores[0][0], run.kept[0])
