"""What image features depend on beside the picture, as far as only a loaded model tells."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import Any

import torch

from prunegrid.predict.hardware import describe_device
from prunegrid.predict.loading import LoadedModel

_PACKAGES = ("torch", "transformers", "pillow", "numpy")


def feature_identity(loaded: LoadedModel, key: str) -> str:
    """Return the hash under which features of a model are kept.

    Parameters
    ----------
    loaded : LoadedModel
        The model. Kernels, hence last digits, differ between kinds of devices and attention kernels.
    key : str
        What is known without it: weights, processor, configuration and code; see
        `prunegrid.study.keys.CellKeys.features_key`.
    """
    model: Any = loaded.model
    tower = getattr(model.config, "vision_config", model.config)
    device = describe_device(model.device)
    told = {
        "key": key,
        "dtype": str(model.dtype),
        "attention": getattr(tower, "_attn_implementation", None),
        "device": [device["type"], device["name"], device["cuda"]],
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        # With their builds: one for a CPU computes otherwise than one for CUDA.
        "packages": {name: version(name) for name in _PACKAGES},
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
