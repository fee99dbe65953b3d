"""Scored cells as they come from files, without files."""

import pandas as pd
import pyarrow as pa

from prunegrid.tables.cells import ScoredCell


def cell(strategy: str, scores: list[float | None], headline: str = "accuracy", **changes) -> ScoredCell:
    """Return a cell of made-up scores; `changes`: axes, `compute`, `images`, or fields."""
    compute = changes.pop("compute", {"tflops_published": 1.0, "tflops_total": 2.0, "ratio_achieved": 0.5})
    images = changes.pop("images", [f"i{i:05d}" for i in range(len(scores))])
    more = {
        name: changes.pop(name) for name in ("metadata", "questions", "draws_schedule") if name in changes
    }
    n, n_error = len(scores), sum(score is None for score in scores)
    known = [score for score in scores if score is not None]
    samples = pd.DataFrame(
        {
            "sample_id": [f"s{i:05d}" for i in range(n)],
            "image_id": list(images),
            "score": pd.Series(scores, dtype="float64"),
            "parsed_answer": ["yes"] * n,
        }
    )
    value = sum(known) / len(known) if known else None
    axes = {
        "model": "m",
        "benchmark": "b",
        "strategy": strategy,
        "criterion": "none" if strategy == "none" else "attention",
        "ratio": 0.0 if strategy == "none" else 0.5,
        "seed": 0,
    } | changes
    return ScoredCell(
        **axes,
        strategy_type=axes["strategy"],
        criterion_type=axes["criterion"],
        needs_answer=False,
        scores={
            "n": n,
            "n_error": n_error,
            "headline": headline,
            "headline_variant": "rule",
            "metrics": {headline: {"value": value, "low": value, "high": value}},
            "variants": {},
            "compute": {"ratio_requested": 0.5} | ({} if compute is None else compute),
        },
        load=pa.Table.from_pandas(samples).select,
        **more,
    )
