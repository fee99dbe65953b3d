"""Cells whose predictions tell how deep each token was kept."""

from pathlib import Path

from tests.tables import worlds

LAYERS = 8


def written(folder: Path, depths, schedule, **axes) -> dict:
    """Return a cell whose samples have these depths; None is an error row."""
    axes = {"benchmark": "b", "strategy": "hierarchical", "criterion": "x", "ratio": 0.5, "seed": 0} | axes
    path = folder / "-".join(map(str, axes.values()))
    rows = [
        {"sample_id": f"s{i}", "token_depth": depth, "status": "error" if depth is None else "ok"}
        for i, depth in enumerate(depths)
    ]
    worlds.write(path / "predictions.parquet", rows, {"n_layers": LAYERS, "schedule": schedule})
    return {**axes, "folder": str(path)}
