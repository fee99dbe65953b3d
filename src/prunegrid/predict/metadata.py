"""Metadata of a file of predictions: cell, model, data, code, packages and device."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from prunegrid import plugins
from prunegrid.data import hub
from prunegrid.predict.batches import build_criterion
from prunegrid.predict.hardware import describe_device, describe_model
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.requests import BenchmarkRun, CellRun

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter


def shard_metadata(
    run: BenchmarkRun,
    loaded: LoadedModel,
    adapter: Adapter,
    cell: CellRun,
    seconds: float,
    batch_sizes: Mapping[str, int],
) -> dict[str, Any]:
    """Return the metadata of one shard of a cell; `results.shards.joined_metadata` goes on from there.

    Parameters
    ----------
    run, cell : BenchmarkRun, CellRun
        What was asked for.
    loaded, adapter : LoadedModel, Adapter
        What it was computed with.
    seconds : float
        Wall time of the shard's predictions.
    batch_sizes : mapping
        `smallest` and `largest`: samples per pass, halved where memory ran out.
    """
    model, spec, data = loaded.model, run.model_spec, adapter.provenance()
    arithmetic = describe_model(model)
    n_layers = len(loaded.family.layers(model))
    strategy = plugins.build("strategies", *cell.strategy)
    schedule = strategy.schedule_for(cell.ratio, n_layers, seed=cell.axes["seed"])
    criterion = build_criterion(cell, adapter.free_text)
    return {
        "key": cell.key,
        "cell": cell.axes,
        "share_ratio": cell.ratio,
        "strategy": list(cell.strategy),
        "criterion": list(cell.criterion) if cell.criterion else None,
        "n_layers": n_layers,
        "scored_by": [] if criterion is None else [list(cut) for cut in criterion.scored_by(schedule)],
        "code": cell.code,
        "model": {
            "id": spec["path"],
            "revision": hub.commit_of(run.model_path) or spec.get("revision"),
            "config": model.config.to_dict(),
        },
        "data": {
            "id": run.benchmark_spec.get("path") or data["path"],
            **data,
            **{key: run.benchmark_spec.get(key) for key in ("adapter", "limit", "sample", "columns")},
            "prompt": adapter.prompt,
        },
        "max_new_tokens": run.max_new_tokens(adapter),
        "dtype": arithmetic["dtype"],
        "attn_implementation": arithmetic["attn_implementation"],
        "image_backend": type(loaded.processor.image_processor).__name__,
        "image_mode": spec.get("image_mode", "processor"),
        "system_prompt": spec.get("system_prompt", "none"),
        "batch_size": run.batch_size,
        "batch_sizes": dict(batch_sizes),
        "device": str(model.device),
        "devices": [describe_device(device) for device in _devices(model)],
        "seconds": round(seconds, 3),
        "packages": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "accelerate", "pillow")},
        },
    }


def _devices(model: nn.Module) -> list[torch.device]:
    """Return the devices that hold the weights; what `device_map` keeps on disk has none."""
    devices = {parameter.device for parameter in model.parameters()}
    return sorted((device for device in devices if device.type != "meta"), key=str)
