"""What cells were computed on, where it can change their numbers: device, batch, kernel, precision."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

# Precisions in which kernels of another shape or card give the same kept tokens and answers, on a CPU.
_EXACT = ("float32", "float64")


def batch_range(shards: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the smallest and the largest batch of several shards, given those of each."""
    found = list(shards)
    return {
        "smallest": min(shard["smallest"] for shard in found),
        "largest": max(shard["largest"] for shard in found),
    }


def all_devices(shards: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the distinct devices of several shards' metadata, in the order of their descriptions."""
    devices = {json.dumps(one, sort_keys=True): one for shard in shards for one in shard["devices"]}
    return [devices[text] for text in sorted(devices)]


def mixtures(cells: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what differs between cells that are compared, or within one, and can change their numbers.

    Parameters
    ----------
    cells : mapping
        Name -> metadata of its predictions, of one benchmark.

    Returns
    -------
    list of str
        One phrase per difference; none for cells that were computed on CPUs in float32.
    """
    known = [metadata for metadata in cells.values() if "devices" in metadata]
    if all(map(_is_exact, known)):
        return []
    ranges = sorted({(m["batch_sizes"]["smallest"], m["batch_sizes"]["largest"]) for m in known})
    cards = sorted({f"{d['name']}, {d['memory_gb']:g} GB" for m in known for d in m["devices"]})
    found = {
        "devices": cards,
        "batches of": [str(low) if low == high else f"{low} to {high}" for low, high in ranges],
        "attention kernels": sorted({m["attn_implementation"] for m in known}),
        "precisions": sorted({m["dtype"] for m in known}),
    }
    mixed = [f"{what} {'; '.join(values)}" for what, values in found.items() if len(values) > 1]
    if len(ranges) == 1 and ranges[0][0] < ranges[0][1]:
        mixed.append(f"batches of {found['batches of'][0]}")
    return mixed


def _is_exact(metadata: Mapping[str, Any]) -> bool:
    return metadata["dtype"] in _EXACT and all(device["type"] == "cpu" for device in metadata["devices"])
