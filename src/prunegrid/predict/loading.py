"""Load a model and its processor from the hub's layout."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    GenerationConfig,
    PreTrainedModel,
    ProcessorMixin,
)

from prunegrid.errors import ConfigError
from prunegrid.pruning.families import family_of
from prunegrid.pruning.family import Family
from prunegrid.pruning.memory_errors import ran_out

# Settings of a `generation_config.json` that say what tokens are, not how they are drawn.
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "suppress_tokens", "bad_words_ids")

# Settings of a tokenizer's files that processors hand on to each call.
_CUTS = ("max_length", "truncation", "truncation_strategy", "stride")
_PADS = ("padding", "pad_to_multiple_of")

# Weights that a message names, of one fault.
_NAMED = 5


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, its processor, and what differs in its family."""

    model: PreTrainedModel
    processor: ProcessorMixin
    family: Family


def load_model(path: str, spec: Mapping[str, Any]) -> LoadedModel:
    """Load a model as `model_specs` describes it.

    The image processor is the one that works with Pillow and NumPy, whether torchvision is there or not:
    pixel values of the two differ a little. The tokenizer neither cuts nor pads prompts. The model decodes
    greedily; see `greedy`.

    Parameters
    ----------
    path : str
        Folder or hub id.
    spec : mapping
        Its entry in `model_specs`.

    Raises
    ------
    ConfigError
        If it cannot be loaded, if its weights are not those that its configuration describes, or if a package
        that its family needs is missing.
    PruningError
        If its family is not supported.
    """
    _check_devices(path, spec.get("device_map"))
    source = {"revision": spec.get("revision"), "trust_remote_code": spec.get("trust_remote_code", False)}
    try:
        family = family_of(AutoConfig.from_pretrained(path, **source).model_type)
        _check_packages(family, path)
        processor = AutoProcessor.from_pretrained(path, **source)
        _take_prompts_whole(processor)
        # Not asked of `AutoProcessor`: it would want a video processor without torchvision, too.
        processor.image_processor = AutoImageProcessor.from_pretrained(path, backend="pil", **source)
        # Its type knows no second result.
        load: Any = AutoModelForImageTextToText.from_pretrained
        # Sizes that do not match are told below, by name.
        model, found = load(
            path,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype=getattr(torch, spec.get("dtype", "float32")),
            attn_implementation=spec.get("attn_implementation", "sdpa"),
            device_map=spec.get("device_map"),
            use_safetensors=True,
            **source,
        )
    except (OSError, ImportError, ValueError) as error:
        raise ConfigError(f"model_specs: cannot load {path!r}: {error}") from error
    except RuntimeError as error:
        # Weights that cannot be converted to the model's layout.
        if ran_out(error):
            raise
        raise ConfigError(f"model_specs: cannot load {path!r}: {error}") from error
    _check_weights(path, found)
    _check_processor(path, processor)
    backend = getattr(processor.image_processor, "backend", type(processor.image_processor).__name__)
    if backend != "pil":
        raise ConfigError(f"model_specs: {path!r} has no image processor of backend 'pil', only {backend!r}")
    model.generation_config = greedy(model.generation_config)
    if spec.get("device_map") is None:
        model.to("cuda" if torch.cuda.is_available() else "cpu")
    return LoadedModel(model.eval(), processor, family)


def _take_prompts_whole(processor: ProcessorMixin) -> None:
    """Let a tokenizer neither cut nor pad, whatever its files say, which may be left from its training.

    A prompt that is cut would be answered, and would not be found to be longer than the model's context.
    """
    tokenizer: Any = processor.tokenizer
    for name in (*_CUTS, *_PADS):
        tokenizer.init_kwargs.pop(name, None)
    # Tokenizers in Python have none, and cut only where they are asked to.
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()


def _check_devices(path: str, device_map: str | None) -> None:
    """Refuse a CUDA device that PyTorch does not see."""
    if str(device_map).startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"model_specs: device_map {device_map!r} of {path!r}: PyTorch {torch.__version__} sees no CUDA "
            "device here; it needs a driver, and a build for CUDA. `device_map: null` takes what there is"
        )


def greedy(settings: GenerationConfig) -> GenerationConfig:
    """Return settings of `generate` that take the likeliest token, whatever a checkpoint ships.

    Checkpoints ship sampling, which greedy decoding ignores, and penalties, which it does not: Qwen2-VL's
    `repetition_penalty` counts the prompt's tokens, padding among them, so that a batch would change
    answers. What the tokens are, and which are never to be generated, stays.
    """
    return GenerationConfig(do_sample=False, **{name: getattr(settings, name, None) for name in _TOKENS})


def _check_weights(path: str, found: Mapping[str, Any]) -> None:
    """Refuse a model that is not wholly, or not only, made of its files' weights."""
    mismatched = [
        f"{name} {list(there)} for {list(needed)}" for name, there, needed in found["mismatched_keys"]
    ]
    faults = {
        "are missing, and would be random": found["missing_keys"],
        "have another shape": mismatched,
        "belong to nothing in the model": found["unexpected_keys"],
        "cannot be read": found["error_msgs"],
    }
    told = [
        f"{len(names)} weights {what}: {', '.join(sorted(names)[:_NAMED])}{', ...' * (len(names) > _NAMED)}"
        for what, names in faults.items()
        if names
    ]
    if told:
        raise ConfigError(
            f"model_specs: the weights of {path!r} do not fit its config.json: {'; '.join(told)}"
        )


def _check_processor(path: str, processor: ProcessorMixin) -> None:
    """Refuse a processor that cannot tell how many tokens a picture takes."""
    if getattr(processor, "patch_size", 0) is None:
        raise ConfigError(
            f"model_specs: the processor of {path!r} has no patch_size: add it to its processor_config.json"
        )


def _check_packages(family: Family, path: str) -> None:
    for package in family.packages:
        try:
            importlib.import_module(package)
        except (ImportError, RuntimeError) as error:  # Beside another torch, torchvision raises the latter.
            raise ConfigError(
                f"model_specs: the processor of {path!r} needs {package}, which cannot be imported "
                f"({error}): pip install 'prunegrid[families]'"
            ) from error
