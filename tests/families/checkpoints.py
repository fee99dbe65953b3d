"""A tiny random checkpoint of every family in the hub's layout: weights, tokenizer, processor, template.

The model's shapes are those of `tests.pruning.tiny_families`; the processor cuts pictures as the family's
does, at a twentieth of the size. Templates are ours and render what the hub's do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerFast, ProcessorMixin

from tests.families.vocabulary import byte_tokenizer
from tests.pruning.tiny_families import FAMILIES, PINPOINTS, VISION_CONFIG, random_model

TEMPLATES = Path(__file__).parent / "templates"
SIDE, PATCH = 24, 4
TILE = {"height": SIDE, "width": SIDE}
PATCHES = (SIDE // PATCH) ** 2
# After InternVL's and Idefics3's pixel shuffle, and Gemma 3's pooling.
TILE_TOKENS = PATCHES // 4
# As LLaVA-OneVision's: beyond 9 tiles' worth of tokens, features are interpolated to fewer.
MANY_PINPOINTS = [[SIDE * rows, SIDE * columns] for rows in range(1, 5) for columns in range(1, 5)]
CHATML = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
QWEN_TOKENS = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
QWEN_IDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
QWEN_SAMPLING = {"do_sample": True, "temperature": 0.1, "top_k": 1, "top_p": 0.001, "repetition_penalty": 1.5}
QWEN_PICTURES = {
    "patch_size": PATCH,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "min_pixels": 16 * 16,
    "max_pixels": 48 * 48,
}
IDEFICS_PICTURES = {"size": {"longest_edge": 3 * SIDE}, "max_image_size": {"longest_edge": SIDE}}
VICUNA = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}


@dataclass(frozen=True)
class Recipe:
    """What a family's checkpoint holds besides what `tests.pruning.tiny_families` says of its model.

    Attributes
    ----------
    processor : str
        Its class.
    image_processor : str
        Its image processor's class, without the backend.
    pictures : dict
        Settings of the image processor.
    special, named, others
        Tokens; see `byte_tokenizer`.
    ids : dict
        Keys of `config.json` -> tokens whose ids they are.
    settings : dict
        Settings of the processor.
    adds_bos : bool
        The tokenizer puts its first token before every text.
    video : str or None
        The video processor's class; it needs torchvision.
    config : dict
        Settings of the model, over those of the tiny family.
    generation : dict
        What `generation_config.json` of the family's published checkpoints sets besides ids.
    hub_image_processor : str or None
        How published `preprocessor_config.json` call the image processor, if not by its class.
    """

    processor: str
    image_processor: str
    pictures: dict[str, Any]
    special: dict[str, str]
    named: dict[str, str]
    ids: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    adds_bos: bool = False
    video: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    generation: dict[str, Any] = field(default_factory=dict)
    hub_image_processor: str | None = None

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Return the tokenizer, without a template."""
        return byte_tokenizer(self.special, self.named, self.others, self.adds_bos)


def _qwen(processor: str, video: str, hub: str, **pictures: Any) -> Recipe:
    return Recipe(
        processor,
        "Qwen2VLImageProcessor",
        {**QWEN_PICTURES, **pictures},
        special=CHATML,
        named=QWEN_TOKENS,
        others=("<|im_start|>", "<|vision_start|>", "<|vision_end|>"),
        ids=QWEN_IDS,
        video=video,
        generation=QWEN_SAMPLING,
        hub_image_processor=hub,
    )


def _idefics(processor: str, image_processor: str, bos: str, **more: Any) -> Recipe:
    return Recipe(
        processor,
        image_processor,
        IDEFICS_PICTURES,
        special={"pad_token": "<pad>", "bos_token": bos, "eos_token": "<end_of_utterance>"},
        named={"image_token": "<image>", "fake_image_token": "<fake_token_around_image>"},
        ids={"image_token_id": "<image>"},
        settings={"image_seq_len": TILE_TOKENS},
        **more,
    )


RECIPES: Mapping[str, Recipe] = {
    "llava": Recipe(
        "LlavaProcessor",
        "CLIPImageProcessor",
        {"size": {"shortest_edge": SIDE}, "crop_size": TILE},
        special=VICUNA,
        named={"image_token": "<image>"},
        ids={"image_token_id": "<image>"},
        settings={
            "patch_size": PATCH,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
        adds_bos=True,
        config={
            # A window, which Llama has none of, would still shorten its cache.
            "text_config": {
                **FAMILIES["llava_next"].config["text_config"],
                "model_type": "llama",
                "sliding_window": None,
            },
            "vision_config": {**VISION_CONFIG, "model_type": "clip_vision_model"},
            "image_seq_length": PATCHES,
        },
    ),
    "llava_next": Recipe(
        "LlavaNextProcessor",
        "LlavaNextImageProcessor",
        {"size": {"shortest_edge": SIDE}, "crop_size": TILE, "image_grid_pinpoints": PINPOINTS},
        special=VICUNA,
        named={"image_token": "<image>"},
        ids={"image_token_index": "<image>"},
        settings={
            "patch_size": PATCH,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
        adds_bos=True,
    ),
    "llava_onevision": Recipe(
        "LlavaOnevisionProcessor",
        "LlavaOnevisionImageProcessor",
        {"size": TILE, "image_grid_pinpoints": MANY_PINPOINTS},
        special=CHATML,
        named={"image_token": "<image>", "video_token": "<video>"},
        others=("<|im_start|>",),
        ids={"image_token_index": "<image>", "video_token_index": "<video>"},
        settings={
            "num_image_tokens": PATCHES,
            "vision_feature_select_strategy": "full",
            "vision_aspect_ratio": "anyres_max_9",
        },
        video="LlavaOnevisionVideoProcessor",
        config={"image_grid_pinpoints": MANY_PINPOINTS, "vision_aspect_ratio": "anyres_max_9"},
    ),
    "qwen2_vl": _qwen("Qwen2VLProcessor", "Qwen2VLVideoProcessor", "Qwen2VLImageProcessor"),
    "qwen2_5_vl": _qwen("Qwen2_5_VLProcessor", "Qwen2VLVideoProcessor", "Qwen2VLImageProcessor"),
    "qwen3_vl": _qwen(
        "Qwen3VLProcessor",
        "Qwen3VLVideoProcessor",
        "Qwen2VLImageProcessorFast",
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    ),
    "internvl": Recipe(
        "InternVLProcessor",
        "GotOcr2ImageProcessor",
        {"size": TILE, "crop_to_patches": True, "min_patches": 1, "max_patches": 6},
        special=CHATML,
        named={
            "context_image_token": "<IMG_CONTEXT>",
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "video_token": "<video>",
        },
        others=("<|im_start|>",),
        ids={"image_token_id": "<IMG_CONTEXT>"},
        settings={"image_seq_length": TILE_TOKENS},
        video="InternVLVideoProcessor",
        config={"image_seq_length": TILE_TOKENS},
        hub_image_processor="GotOcr2ImageProcessorFast",
    ),
    "smolvlm": _idefics(
        "SmolVLMProcessor",
        "SmolVLMImageProcessor",
        "<|im_start|>",
        others=(
            "<global-img>",
            *(f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)),
        ),
        video="SmolVLMVideoProcessor",
    ),
    "idefics3": _idefics("Idefics3Processor", "Idefics3ImageProcessor", "<|begin_of_text|>", adds_bos=True),
    "gemma3": Recipe(
        "Gemma3Processor",
        "Gemma3ImageProcessor",
        {"size": TILE, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
        special={"pad_token": "<pad>", "eos_token": "<end_of_turn>", "bos_token": "<bos>"},
        named={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        others=("<start_of_turn>",),
        ids={
            "image_token_index": "<image_soft_token>",
            "boi_token_index": "<start_of_image>",
            "eoi_token_index": "<end_of_image>",
        },
        settings={"image_seq_length": TILE_TOKENS},
        adds_bos=True,
        generation={"cache_implementation": "hybrid", "do_sample": True, "top_k": 64, "top_p": 0.95},
    ),
}


def template(name: str) -> str:
    """Return a family's chat template."""
    return (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")


def build(name: str, folder: Path) -> Path:
    """Save a family's checkpoint as transformers saves it now; return the folder."""
    processor = _processor(name)
    random_checkpoint(name, processor.tokenizer).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def as_published(folder: Path, name: str, old: Path) -> Path:
    """Copy a checkpoint into the layout of the hub's own repositories, which most of them keep.

    The image processor in `preprocessor_config.json`, under the name it had then, the video processor in a
    file of its own, the template in `chat_template.json`.
    """
    old.mkdir(parents=True)
    for file in folder.iterdir():
        (old / file.name).write_bytes(file.read_bytes())
    whole = json.loads((old / "processor_config.json").read_text())
    image, video = whole.pop("image_processor"), whole.pop("video_processor", None)
    image["image_processor_type"] = RECIPES[name].hub_image_processor or RECIPES[name].image_processor
    image["processor_class"] = RECIPES[name].processor
    parts = {"processor_config": whole, "preprocessor_config": image, "video_preprocessor_config": video}
    parts["chat_template"] = {"chat_template": (old / "chat_template.jinja").read_text(encoding="utf-8")}
    (old / "chat_template.jinja").unlink()
    for stem, content in parts.items():
        if content is not None:
            (old / f"{stem}.json").write_text(json.dumps(content, indent=2))
    return old


def _processor(name: str) -> ProcessorMixin:
    recipe = RECIPES[name]
    pictures = getattr(transformers, f"{recipe.image_processor}Pil")(**recipe.pictures)
    video = [getattr(transformers, recipe.video)()] if recipe.video else []
    build_processor: Callable[..., ProcessorMixin] = getattr(transformers, recipe.processor)
    return build_processor(
        pictures, recipe.tokenizer(), *video, chat_template=template(name), **recipe.settings
    )


def raw_settings(name: str) -> dict[str, Any]:
    """Return a family's configuration without the ids of its tokens."""
    return deepcopy({**FAMILIES[name].config, **RECIPES[name].config})


def random_checkpoint(name: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Return a family's model with random weights, and the tokenizer's ids in both configurations."""
    recipe, settings = RECIPES[name], raw_settings(name)
    id_of = tokenizer.convert_tokens_to_ids
    ids = {key: id_of(token) for key, token in recipe.ids.items()}
    ends = {f"{key}_id": id_of(token) for key, token in recipe.special.items()}
    settings["text_config"].update(vocab_size=len(tokenizer), bos_token_id=None)
    settings["text_config"].update(ends)
    torch.manual_seed(0)
    model = random_model(AutoConfig.for_model(name, tie_word_embeddings=False, **ids, **settings))
    # Random weights would put special tokens into answers.
    unwanted = sorted(set(tokenizer.all_special_ids) - {ends["eos_token_id"]})
    model.generation_config.update(**ends, suppress_tokens=unwanted, **recipe.generation)
    return model
