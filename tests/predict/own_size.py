"""A tiny Qwen2.5-VL, which takes pictures at their own size, without the torchvision of its own processor."""

from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature, PreTrainedTokenizerFast
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from prunegrid.predict.loading import LoadedModel, greedy
from prunegrid.pruning.families import family_of
from tests.families.checkpoints import RECIPES, random_checkpoint, template

NAME = "qwen2_5_vl"
# Pixels of an image token, each way.
SIDE = 8
_PAD = RECIPES[NAME].named["image_token"]


class PicturesAndText:
    """Does with pictures and a text what Qwen2.5-VL's processor does, which needs torchvision for videos."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.image_processor = Qwen2VLImageProcessorPil(**RECIPES[NAME].pictures)

    def apply_chat_template(self, messages: list[dict[str, Any]], **how: Any) -> str:
        """Return the text of a turn."""
        return self.tokenizer.apply_chat_template(messages, chat_template=template(NAME), **how)

    def __call__(self, images: Image.Image | list[list[Image.Image]], text: str, **how: Any) -> BatchFeature:
        """Return ids, with as many of the image's as its grids have tokens, and pixels."""
        (given,) = images if isinstance(images, list) else ([images],)
        pixels = self.image_processor(given, return_tensors="pt")
        before, *parts = text.split(_PAD)
        merged = self.image_processor.merge_size**2
        counts = [int(grid.prod()) // merged for grid in pixels["image_grid_thw"]]
        whole = before + "".join(_PAD * n + part for n, part in zip(counts, parts, strict=True))
        return BatchFeature({**self.tokenizer(whole, **how), **pixels})


def load_own_size(attn_implementation: str = "sdpa") -> LoadedModel:
    """Return the model with random weights, in float32."""
    tokenizer = RECIPES[NAME].tokenizer()
    torch.manual_seed(0)
    model = random_checkpoint(NAME, tokenizer)
    model.set_attn_implementation(attn_implementation)
    model.generation_config = greedy(model.generation_config)
    return LoadedModel(model.eval(), PicturesAndText(tokenizer), family_of(NAME))
