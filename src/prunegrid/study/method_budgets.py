"""What each budget is for each method of a plan, in all units that papers use: tokens, FLOPs, the cache."""

import pandas as pd

from prunegrid.axis_names import BASELINE
from prunegrid.cost.flops_unit import flops_unit
from prunegrid.study.budgets import Budget
from prunegrid.study.compute_plan import aligned
from prunegrid.study.plan import Plan

# Of cells of one method and budget, benchmarks and seeds make no difference, or are averaged.
_FIGURES = (
    "ratio_achieved",
    "mean_image_tokens",
    "last_image_tokens",
    "tflops_published",
    "tflops_total",
    "kv_cache_mb",
)


def method_budgets(plan: Plan, rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model, method and budget, and the unpruned one first.

    Parameters
    ----------
    plan : Plan
    rows : DataFrame
        As `prunegrid.study.compute_plan.compute_plan` returns it.

    Returns
    -------
    DataFrame
        model, method, budget (as it was written), ratio, ratio_achieved, mean_image_tokens (per layer),
        last_image_tokens (of the last layer), tflops_published, tflops_total (1e12), kv_cache_mb; means over
        benchmarks and seeds. None without methods.
    """
    methods = plan.config["methods"]
    if not methods:
        return pd.DataFrame()
    named = rows[rows["strategy"].isin([BASELINE, *methods])]
    found = named.groupby(["model", "ratio", "strategy"], sort=False)[[*_FIGURES]].mean().reset_index()
    found = found.rename(columns={"strategy": "method"})
    written = {model: plan.budgets(model) for model in plan.config["models"]}
    budgets = [
        str(Budget(ratio, written[model].get(ratio, ""))) if ratio else ""
        for model, ratio in zip(found["model"], found["ratio"], strict=True)
    ]
    found.insert(2, "budget", budgets)
    place = {name: number for number, name in enumerate([BASELINE, *methods])}
    order = {model: number for number, model in enumerate(plan.config["models"])}
    keys = {"model": order, "method": place}
    return found.sort_values(
        ["model", "ratio", "method"], key=lambda own: own.map(keys[own.name]) if own.name in keys else own
    ).reset_index(drop=True)


def as_text(rows: pd.DataFrame) -> str:
    """Return the budgets for a terminal."""
    parts = []
    for model, own in rows.groupby("model", sort=False):
        factor, unit = flops_unit(own["tflops_total"].max())
        head = [
            "method",
            "budget",
            "removed",
            "tokens a layer",
            "at the end",
            "published",
            "total",
            "cache, MB",
        ]
        lines = [
            [
                row["method"],
                row["budget"],
                f"{row['ratio_achieved']:.3f}",
                f"{row['mean_image_tokens']:.1f}",
                f"{row['last_image_tokens']:.4g}",
                f"{row['tflops_published'] / factor:.4g}",
                f"{row['tflops_total'] / factor:.4g}",
                f"{row['kv_cache_mb']:.4g}",
            ]
            for row in own.to_dict("records")
        ]
        parts.append(f"{model}: budgets of methods, {unit} a sample")
        parts.append(aligned([head, *lines], left={0, 1}))
    return "\n\n".join(parts)
