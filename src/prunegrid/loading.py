"""Load a model and its processor from the hub's layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin

from prunegrid.errors import ConfigError
from prunegrid.models.base import Family
from prunegrid.models.registry import family_of


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, its processor, and what differs in its family."""

    model: PreTrainedModel
    processor: ProcessorMixin
    family: Family


def load_model(path: str, spec: Mapping[str, Any]) -> LoadedModel:
    """Load a model as `model_specs` describes it.

    Parameters
    ----------
    path : str
        Folder or hub id.
    spec : mapping
        Its entry in `model_specs`.

    Raises
    ------
    ConfigError
        If it cannot be loaded.
    PruningError
        If its family is not supported.
    """
    source = {"revision": spec.get("revision"), "trust_remote_code": spec.get("trust_remote_code", False)}
    try:
        # The PIL backend, said out loud: pixel values must not depend on whether torchvision is there.
        processor = AutoProcessor.from_pretrained(path, backend="pil", **source)
        model = AutoModelForImageTextToText.from_pretrained(
            path,
            dtype=getattr(torch, spec.get("dtype", "float32")),
            attn_implementation=spec.get("attn_implementation", "sdpa"),
            device_map=spec.get("device_map"),
            use_safetensors=True,
            **source,
        )
    except (OSError, ImportError, ValueError) as error:
        raise ConfigError(f"model_specs: cannot load {path!r}: {error}") from error
    family = family_of(model.config.model_type)
    if spec.get("device_map") is None:
        model.to("cuda" if torch.cuda.is_available() else "cpu")
    return LoadedModel(model.eval(), processor, family)
