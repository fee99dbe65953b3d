"""What every cell of a plan will cost, before it is run: schedules and ledgers, without weights or data."""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from prunegrid import plugins
from prunegrid.axis_names import BASELINE
from prunegrid.cost.expected import expected_compute
from prunegrid.cost.flops_unit import flops_unit
from prunegrid.errors import ConfigError, PrunegridError
from prunegrid.pruning.explained_answer import options_for
from prunegrid.study.config import assumed_sample, plugin_of
from prunegrid.study.grid import Cell, Unreachable, criterion_of
from prunegrid.study.plan import Plan

_NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_PRINTED = ("published", "prefill", "scoring", "decode", "total")
# Columns of names.
_LEFT = {0, 1, 4, 5 + len(_PRINTED) + 1, 5 + len(_PRINTED) + 2}
# Longer schedules are printed with their middle left out.
_MOST_CUTS = 4


def compute_plan(plan: Plan) -> pd.DataFrame:
    """Return one row per cell: its axes, its schedule ("layer:image tokens kept ..."), its ledger.

    Prompt lengths are those of the configuration's `compute_plan`, image tokens those of `model_specs`
    or, where every picture has as many, of the model's configuration.

    Returns
    -------
    DataFrame
        model, benchmark, strategy, criterion, ratio, seed, match (of a study of several), schedule, the
        ledger (1e12) of `prunegrid.cost.expected.expected_compute`, last_image_tokens (of the last layer),
        kv_cache_mb (keys and values of a sample after the prefill, in the model's dtype), and the tokens
        that were assumed.

    Raises
    ------
    ConfigError
        If a model's configuration is not on this machine, or does not tell enough.
    """
    known: dict[str, dict[str, Any]] = {}
    rows = []
    for cell in plan.grid.cells:
        settings = _settings(plan, cell)
        key = repr((cell.model, settings))
        if key not in known:
            known[key] = _expected(plan, cell.model, settings)
        rows.append({**vars(cell), **known[key]})
    found = pd.DataFrame(rows)
    return found if found["match"].any() else found.drop(columns="match")


def _settings(plan: Plan, cell: Cell) -> dict[str, Any]:
    """Return the arguments of `expected_compute` for a cell."""
    strategy, strategy_options = plugin_of(plan.config, "strategies", cell.strategy)
    criterion: str | None = None
    criterion_options: dict[str, Any] = {}
    named = criterion_of(plan.config, cell.criterion)
    if named is not None:
        criterion, options = named
        adapter = plan.config["benchmark_specs"][cell.benchmark]["adapter"]
        free_text = bool(plugins.describe("benchmarks", adapter)["free_text"])
        criterion_options = options_for(criterion, options, free_text=free_text)
    return {
        **assumed_sample(plan.config),
        "strategy": strategy,
        "criterion": criterion,
        "ratio": plan.share_ratio(cell),
        "seed": cell.seed,
        "strategy_options": strategy_options,
        "criterion_options": criterion_options,
    }


def _expected(plan: Plan, model: str, settings: dict[str, Any]) -> dict[str, Any]:
    config = plan.inputs.model_config(model)
    if not config:
        raise ConfigError(
            f"model_specs.{model}.path: {plan.inputs.model_path(model)} has no config.json: give a folder "
            "in the hub's layout, or run `snakemake --cores 1 download` once"
        )
    spec = plan.config["model_specs"][model]
    image_tokens = spec.get("image_tokens")
    try:
        found = expected_compute(config, image_tokens=image_tokens, **settings)
    except PrunegridError as error:
        raise ConfigError(f"model_specs.{model}: {error}") from error
    cache_bytes = found.pop("cache_numbers") * _NUMBER_BYTES[spec["dtype"]]
    return {
        "schedule": " ".join(f"{layer}:{keep}" for layer, keep in found.pop("schedule")),
        "kv_cache_mb": cache_bytes / 1e6,
        **{name: value for name, value in found.items() if name != "ratio_requested"},
        **{name: settings[name] for name in ("text_before", "text_after", "generated")},
    }


def as_text(rows: pd.DataFrame, unreachable: Sequence[Unreachable] = (), n_excluded: int = 0) -> str:
    """Return the plan for a terminal: cells of one schedule and one ledger share a line."""
    parts = []
    for model, cells in rows.groupby("model", sort=False):
        first = cells.iloc[0]
        factor, unit = flops_unit(cells["tflops_total"].max())
        parts.append(
            f"{model}: {len(cells)} cells, {unit} a sample, assuming {first['image_tokens']} image tokens, "
            f"{first['text_before']} text tokens before and {first['text_after']} after them, and answers of "
            f"{first['generated']}; schedules are layer:image tokens kept"
        )
        parts.append(aligned([_heads(cells), *_lines(cells, factor)], _LEFT))
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in unreachable:
        reasons.setdefault((row.model, row.reason), []).append(row.strategy)
    parts += [
        f"{model}: left out {', '.join(dict.fromkeys(names))}: {reason}"
        for (model, reason), names in reasons.items()
    ]
    if n_excluded:
        parts.append(f"left out by `exclude`: {n_excluded} cells")
    return "\n\n".join(parts)


def _heads(cells: pd.DataFrame) -> list[str]:
    return [
        "strategy",
        "criterion",
        "ratio",
        "seed",
        "schedule",
        *_PRINTED,
        "% of unpruned",
        *_only(cells, "for"),
        *_matched(cells, "match"),
    ]


def _lines(cells: pd.DataFrame, factor: float) -> Iterator[list[str]]:
    """Yield the fields of each printed line."""
    ledger = [name for name in map(str, cells) if name.startswith("tflops_")]
    unpruned = cells.loc[cells["strategy"] == BASELINE, "tflops_total"]
    groups = cells.groupby(["strategy", "ratio", "schedule", "ratio_achieved", *ledger], sort=False)
    for _, same in groups:
        first = same.iloc[0]
        share = f"{100 * first['tflops_total'] / unpruned.iloc[0]:.1f}" if len(unpruned) else ""
        yield [
            first["strategy"],
            _names(same["criterion"]),
            f"{first['ratio_achieved']:.3f}",
            _names(same["seed"]),
            _short(first["schedule"]),
            *(f"{first[f'tflops_{name}'] / factor:.4g}" for name in _PRINTED),
            share,
            *_only(cells, _names(same["benchmark"])),
            *_matched(cells, _names(filter(None, same["match"])) if "match" in same else ""),
        ]


def _only(cells: pd.DataFrame, field: str) -> list[str]:
    """Return a field that is printed only where the benchmark makes a difference."""
    axes = ["strategy", "criterion", "ratio", "seed", *(["match"] if "match" in cells else [])]
    return [field] if (cells.groupby(axes)["tflops_total"].nunique() > 1).any() else []


def _matched(cells: pd.DataFrame, field: str) -> list[str]:
    """Return a field that is printed only where a study has several matchings."""
    return [field] if "match" in cells else []


def _names(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))


def _short(schedule: str) -> str:
    cuts = schedule.split()
    return schedule if len(cuts) <= _MOST_CUTS else " ".join([*cuts[:2], "...", *cuts[-2:]])


def aligned(lines: Sequence[Sequence[str]], left: Container[int]) -> str:
    """Return a table in columns: names on the left, in the columns `left`, and numbers on the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if place in left else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
