"""A tiny random model of every supported family, and prompts as its processor would give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedConfig, PreTrainedModel

from tests.pruning.tiny import EOS_ID, IMAGE_ID, N_LAYERS, PAD_ID, tiny_llava

VIDEO_ID = 98
# Text tokens are drawn below the special ones.
TEXT = (3, 90)
TEXT_CONFIG = {
    "vocab_size": 100,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.25,
    "pad_token_id": PAD_ID,
    "eos_token_id": EOS_ID,
    "bos_token_id": 1,
}
VISION_CONFIG = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 24,
    "patch_size": 4,
    "initializer_range": 0.25,
}
QWEN_VISION = {
    "depth": 3,
    "num_heads": 2,
    "patch_size": 4,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "initializer_range": 0.25,
}
MROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
# Shorter than every prompt with an image, so that windows end among image tokens.
GEMMA_WINDOW = 12
MISTRAL_WINDOW = 70


def random_model(config: PreTrainedConfig) -> PreTrainedModel:
    """Return a model with random weights and image features as large as the embeddings of text."""
    model = AutoModelForImageTextToText.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("projector", "connector", "merger")) and parameter.dim() > 1:
                parameter.normal_(std=0.25)
            if name.endswith("k_norm.weight"):
                # With equal weights all keys would be equally long. Gemma 3 adds 1 to them.
                least, most = (0.0, 0.2) if config.model_type == "gemma3" else (0.5, 1.5)
                generator = torch.Generator().manual_seed(len(name))
                random = torch.rand(parameter.shape, generator=generator)
                parameter.copy_(least + (most - least) * random)
    return model


@dataclass(frozen=True)
class Request:
    """One unpadded prompt.

    Attributes
    ----------
    name : str
        Sample id.
    ids : Tensor
        (tokens,), int64.
    images : dict of Tensor
        What the processor gives besides; empty without an image.
    """

    name: str
    ids: Tensor
    images: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class TinyFamily:
    """How to build a family's tiny model and its prompts.

    Attributes
    ----------
    name : str
        `model_type`.
    config : dict
        Configuration besides the ids.
    pictures : callable
        (how many, wide or not, generator) -> what the processor gives for one sample's pictures.
    spans : callable
        (image features of the sample, its inputs) -> lengths of its image spans.
    token_types : str, optional
        Name of the token types that its processor gives.
    """

    name: str
    config: dict
    pictures: Callable[[int, bool, torch.Generator], dict[str, Tensor]]
    spans: Callable[[list[Tensor]], list[int]] = lambda features: [len(image) for image in features]
    token_types: str | None = None

    def model(self, seed: int = 0) -> PreTrainedModel:
        """Return the model: 8 layers, hidden 48, grouped heads (6 over 2)."""
        if self.name == "llava":
            return tiny_llava(seed)
        torch.manual_seed(seed)
        ids = {"image_token_id": IMAGE_ID, "video_token_id": VIDEO_ID, "tie_word_embeddings": False}
        if self.name in ("llava_next", "llava_onevision", "gemma3"):
            ids["image_token_index"] = ids.pop("image_token_id")
        model = random_model(AutoConfig.for_model(self.name, **ids, **self.config))
        # Random weights would put image tokens into answers.
        ids = {"pad_token_id": PAD_ID, "eos_token_id": EOS_ID, "suppress_tokens": [VIDEO_ID, IMAGE_ID]}
        model.generation_config.update(**ids)
        return model

    def request(self, model: PreTrainedModel, name: str, images: int, after: int, wide: bool) -> Request:
        """Return a prompt with so many images and so many text tokens after them."""
        generator = torch.Generator().manual_seed(sum(map(ord, name)) + after)

        def text(length: int) -> Tensor:
            return torch.randint(*TEXT, (length,), generator=generator)

        if not images:
            return Request(name, text(after))
        inputs = self.pictures(images, wide, generator)
        with torch.no_grad():
            features = list(model.model.get_image_features(**inputs, return_dict=True).pooler_output)
        parts = [text(3)]
        for length in self.spans(features):
            parts += [torch.full((length,), IMAGE_ID), text(2)]
        return Request(name, torch.cat([*parts, text(after)]), inputs)

    def requests(self, model: PreTrainedModel) -> list[Request]:
        """Return five prompts: one image, two, a wide one, none (the longest prompt), one."""
        return [
            self.request(model, "one", 1, 4, False),
            self.request(model, "two", 2, 9, False),
            self.request(model, "wide", 1, 6, True),
            self.request(model, "none", 0, 90, False),
            self.request(model, "late", 1, 17, False),
        ]

    def collate(self, rows: list[Request]) -> dict[str, Tensor]:
        """Pad on the left; pictures of different numbers of tiles are padded with empty ones."""
        width = max(len(row.ids) for row in rows)
        ids = torch.stack([pad(row.ids, (width - len(row.ids), 0), value=PAD_ID) for row in rows])
        mask = torch.stack([pad(torch.ones_like(row.ids), (width - len(row.ids), 0)) for row in rows])
        inputs = {"input_ids": ids, "attention_mask": mask}
        if self.token_types:
            inputs[self.token_types] = (ids == IMAGE_ID).int()
        images = [row.images for row in rows if row.images]
        for key in images[0] if images else ():
            inputs[key] = _join([one[key] for one in images])
        return inputs


def _join(tensors: list[Tensor]) -> Tensor:
    """Concatenate along the first dimension, padding the second with zeros."""
    if tensors[0].dim() < 3:
        return torch.cat(tensors)
    most = max(tensor.shape[1] for tensor in tensors)
    return torch.cat(
        [torch.cat([t, t.new_zeros(t.shape[0], most - t.shape[1], *t.shape[2:])], 1) for t in tensors]
    )


def _square(images: int, wide: bool, generator: torch.Generator) -> dict[str, Tensor]:
    """Give one square picture an image; a wide one as two tiles and an overview."""
    tiles = images * (3 if wide else 1)
    return {"pixel_values": torch.randn(tiles, 3, 24, 24, generator=generator)}


def _one_size(images: int, wide: bool, generator: torch.Generator) -> dict[str, Tensor]:
    """LLaVA-1.5: every picture is a square of 20 pixels."""
    return {"pixel_values": torch.randn(images, 3, 20, 20, generator=generator)}


def _anyres(images: int, wide: bool, generator: torch.Generator) -> dict[str, Tensor]:
    """LLaVA-NeXT: an overview and 2 tiles, or 4 for a wide picture."""
    size = (46, 40) if wide else (20, 44)
    patches = 5 if wide else 3
    return {
        "pixel_values": torch.randn(images, patches, 3, 24, 24, generator=generator),
        "image_sizes": torch.tensor([size] * images),
    }


def _anyres_single(images: int, wide: bool, generator: torch.Generator) -> dict[str, Tensor]:
    """LLaVA-OneVision: tiles only where a sample has a single picture."""
    found = _anyres(images, wide, generator)
    if images > 1:
        found["pixel_values"] = found["pixel_values"][:, :1]
    return {**found, "batch_num_images": torch.tensor([images])}


def _grids(images: int, wide: bool, generator: torch.Generator) -> dict[str, Tensor]:
    """Qwen: patches in a row, and their grid."""
    grids = [[1, 4, 16] if wide else [1, 6, 8 - 2 * index] for index in range(images)]
    patches = sum(t * h * w for t, h, w in grids)
    return {
        "pixel_values": torch.randn(patches, 3 * 2 * 4 * 4, generator=generator),
        "image_grid_thw": torch.tensor(grids),
    }


def _tiles(images: int, wide: bool, generator: torch.Generator) -> dict[str, Tensor]:
    """Idefics3: all tiles of a sample, with the mask of their pixels."""
    tiles = images * (5 if wide else 1)
    mask = torch.ones(1, tiles, 24, 24, dtype=torch.long)
    mask[:, -1, :, 20:] = 0
    return {
        "pixel_values": torch.randn(1, tiles, 3, 24, 24, generator=generator),
        "pixel_attention_mask": mask,
    }


def _per_tile(features: list[Tensor]) -> list[int]:
    """Return one span of 9 tokens a tile: row and column tokens stand between them."""
    return [9] * (sum(map(len, features)) // 9)


def _text(model_type: str, **settings) -> dict:
    return {**TEXT_CONFIG, "model_type": model_type, **settings}


def _vision(model_type: str, **settings) -> dict:
    return {**VISION_CONFIG, "model_type": model_type, **settings}


PINPOINTS = [[24, 48], [48, 24], [48, 48]]
FAMILIES = {
    family.name: family
    for family in (
        TinyFamily("llava", {}, _one_size),
        TinyFamily(
            "llava_next",
            {
                "text_config": _text("mistral", sliding_window=MISTRAL_WINDOW),
                "vision_config": _vision("clip_vision_model"),
                "image_grid_pinpoints": PINPOINTS,
            },
            _anyres,
        ),
        TinyFamily(
            "llava_onevision",
            {
                "text_config": _text("qwen2"),
                "vision_config": _vision("siglip_vision_model"),
                "image_grid_pinpoints": PINPOINTS,
            },
            _anyres_single,
        ),
        TinyFamily(
            "qwen2_vl",
            {
                "text_config": _text("qwen2_vl_text", rope_parameters=MROPE),
                "vision_config": {**QWEN_VISION, "embed_dim": 16, "hidden_size": 48},
            },
            _grids,
            token_types="mm_token_type_ids",
        ),
        TinyFamily(
            "qwen2_5_vl",
            {
                "text_config": _text("qwen2_5_vl_text", rope_parameters=MROPE),
                "vision_config": {
                    **QWEN_VISION,
                    "hidden_size": 16,
                    "intermediate_size": 16,
                    "out_hidden_size": 48,
                    "fullatt_block_indexes": [1],
                    "window_size": 16,
                },
            },
            _grids,
            token_types="mm_token_type_ids",
        ),
        TinyFamily(
            "qwen3_vl",
            {
                "text_config": _text("qwen3_vl_text", rope_parameters={**MROPE, "mrope_interleaved": True}),
                "vision_config": {
                    **QWEN_VISION,
                    "hidden_size": 16,
                    "intermediate_size": 16,
                    "out_hidden_size": 48,
                    "num_position_embeddings": 16,
                    "deepstack_visual_indexes": [0, 1, 2],
                },
            },
            _grids,
            token_types="mm_token_type_ids",
        ),
        TinyFamily(
            "internvl",
            {"text_config": _text("qwen2"), "vision_config": _vision("internvl_vision")},
            _square,
        ),
        TinyFamily(
            "smolvlm",
            {"text_config": _text("llama"), "vision_config": _vision("smolvlm_vision"), "scale_factor": 2},
            _tiles,
            _per_tile,
        ),
        TinyFamily(
            "idefics3",
            {"text_config": _text("llama"), "vision_config": _vision("idefics3_vision"), "scale_factor": 2},
            _tiles,
            _per_tile,
        ),
        TinyFamily(
            "gemma3",
            {
                "text_config": _text(
                    "gemma3_text",
                    query_pre_attn_scalar=8,
                    sliding_window=GEMMA_WINDOW,
                    layer_types=[
                        "sliding_attention",
                        "sliding_attention",
                        "full_attention",
                        "sliding_attention",
                    ]
                    * 2,
                ),
                "vision_config": _vision("siglip_vision_model"),
                "mm_tokens_per_image": 9,
                "initializer_range": 0.25,
            },
            _square,
            token_types="token_type_ids",
        ),
    )
}
