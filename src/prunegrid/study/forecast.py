"""What a study's predictions will take: hours of a device and its memory, job by job, before anything is run.

docs/forecast.md has the arithmetic. Imports no torch until it is called.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from prunegrid import plugins
from prunegrid.checks.finding import CHECK, read_check
from prunegrid.cost.batch_memory import batch_bytes, fitting_batch
from prunegrid.cost.cards import CARDS, Card
from prunegrid.cost.decoder import Decoder
from prunegrid.cost.ledger import TERA
from prunegrid.cost.throughput import Throughput
from prunegrid.cost.vision import vision_flops
from prunegrid.errors import ConfigError, PrunegridError
from prunegrid.pruning.explained_answer import options_for
from prunegrid.pruning.families import family_of
from prunegrid.pruning.sharing_order import sharing_order
from prunegrid.study.config import assumed_sample, plugin_of
from prunegrid.study.grid import Cell, criterion_of
from prunegrid.study.plan import Plan

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter

# Decoding steps of a batch: until its longest answer ends. The prefill gives the first token.
SHORT_STEPS, SENTENCE_STEPS = 1, 20
# The card that is assumed where nothing was measured.
DEFAULT_CARD = "h100"
PARTS = ("load", "read", "encode", "prefill", "gradient", "decode")
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class _Work:
    """What the cells of one benchmark in one bundle have to compute, per sample but for `steps`."""

    encoded: float  # pictures of the usual size
    prefills: float  # passes through all layers
    prefill_flops: float
    scoring_flops: float
    gradient_flops: float
    gradients: int
    gradient_steps: int
    decoded: int  # prefills after which an answer is decoded


def forecast(plan: Plan, ledger: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model and benchmark: what predicting all of its cells will take.

    Parameters
    ----------
    plan : Plan
        The study.
    ledger : DataFrame
        What `prunegrid.study.compute_plan.compute_plan` returned of it.

    Returns
    -------
    DataFrame
        model, benchmark, device, measured (else assumed), samples, cells, jobs, batch_size; hours of each of
        `PARTS` and in all; memory_gb of a job (1e9 bytes).

    Raises
    ------
    ConfigError
        If a benchmark's samples are neither on this machine nor of a published number.
    """
    rows = [row for model in plan.config["models"] for row in _of_model(plan, model, ledger)]
    return pd.DataFrame(rows)


def _of_model(plan: Plan, model: str, ledger: pd.DataFrame) -> Iterator[dict[str, Any]]:
    from prunegrid.cost.model_config import complete_config

    spec = plan.config["model_specs"][model]
    config = complete_config(plan.inputs.model_config(model))
    decoder = Decoder.from_config(config)
    costs = dict(zip(plan.grid.cells, ledger.to_dict("records"), strict=True))
    assumed = assumed_sample(plan.config)
    n_image = int(ledger.loc[ledger["model"] == model, "image_tokens"].max())
    tokens = n_image + assumed["text_before"] + assumed["text_after"]
    number_bytes = _BYTES[spec.get("dtype", "float32")]
    vision = vision_flops(config, family_of(config["model_type"]).assumed_grids(config, n_image))
    cuts = _Cuts(plan, decoder.layers, n_image)
    checked = _checked(plan, model)
    batch = _batch(plan, model, checked, decoder, tokens, number_bytes)
    # What was measured on this machine, or else the times of the card that is assumed.
    pace = (
        Throughput.of_card(
            _card(plan), decoder, batch=batch, tokens=tokens, number_bytes=number_bytes, vision_flops=vision
        )
        if checked is None
        else Throughput.of_check(checked)
    )
    found: dict[str, dict[str, Any]] = {}
    for name, cells in plan.bundles(model).items():
        jobs = plan.n_jobs(model, name)
        for benchmark in dict.fromkeys(cell.benchmark for cell in cells):
            own = [cell for cell in cells if cell.benchmark == benchmark]
            work = _work(cuts, decoder, own, costs, n_image, tokens - n_image)
            samples = _samples(plan, benchmark)
            seconds = _seconds(work, pace, samples, batch, _steps(plan, benchmark))
            # The model is loaded once for all benchmarks of a bundle.
            seconds["load"] = jobs * pace.load_seconds / len({cell.benchmark for cell in cells})
            row = found.setdefault(
                benchmark,
                {
                    "model": model,
                    "benchmark": benchmark,
                    "device": pace.device,
                    "measured": pace.measured,
                    "samples": samples,
                    "cells": 0,
                    "jobs": 0,
                    "batch_size": batch,
                    **dict.fromkeys(PARTS, 0.0),
                    "memory_gb": 0.0,
                },
            )
            row["cells"] += len(own)
            row["jobs"] += jobs
            for part in PARTS:
                row[part] += seconds[part] / 3600
            memory = batch_bytes(decoder, batch, tokens, number_bytes, gradients=work.gradients > 0)
            row["memory_gb"] = max(row["memory_gb"], (decoder.parameters * number_bytes + memory) / 1e9)
    for row in found.values():
        yield {**row, "hours": sum(row[part] for part in PARTS)}


class _Ranking(NamedTuple):
    """Who ranks before a layer: what tells it apart, what it computes, the tokens a gradient explains."""

    identity: Hashable
    cost: str | None
    answer_tokens: int


class _Cuts:
    """Cuts of a model's cells, and who ranks before each; those of one kind are solved once."""

    def __init__(self, plan: Plan, n_layers: int, n_image: int) -> None:
        self._plan, self._n_layers, self._n_image = plan, n_layers, n_image
        self._known: dict[Hashable, tuple[list[tuple[int, int]], dict[int, _Ranking], str]] = {}

    def of(self, cell: Cell) -> tuple[list[tuple[int, int]], dict[int, _Ranking], str]:
        """Return (layer, image tokens kept) of each cut, layer -> who ranks before it, and the positions."""
        adapter = self._plan.config["benchmark_specs"][cell.benchmark]["adapter"]
        free_text = bool(plugins.describe("benchmarks", adapter)["free_text"])
        key = cell.strategy, cell.criterion, self._plan.share_ratio(cell), cell.seed, free_text
        if key not in self._known:
            self._known[key] = self._solved(cell, free_text)
        return self._known[key]

    def _solved(self, cell: Cell, free_text: bool) -> tuple[list[tuple[int, int]], dict[int, _Ranking], str]:
        strategy = plugins.build("strategies", *plugin_of(self._plan.config, "strategies", cell.strategy))
        ratio = self._plan.share_ratio(cell) if strategy.has_ratio else None
        schedule = strategy.schedule_for(
            ratio or None, self._n_layers, seed=cell.seed, n_tokens=self._n_image
        )
        ranked: dict[int, _Ranking] = {}
        named = criterion_of(self._plan.config, cell.criterion)
        if named is not None:
            name, options = named
            built = plugins.build("criteria", name, options_for(name, options, free_text=free_text))
            for layer, who in built.rankings(schedule).items():
                # Only what is random asks the seed.
                seed = cell.seed if who.criterion.stochastic else 0
                identity = (who.criterion.identity, who.reverse, who.merge, seed)
                ranked[layer] = _Ranking(identity, who.cost, getattr(who.criterion, "answer_tokens", 1))
        return schedule.counts(self._n_image), ranked, strategy.positions


def _seconds(work: _Work, pace: Throughput, samples: int, batch: int, steps: int) -> dict[str, float]:
    """Return the seconds of each part but loading."""
    passes = -(-samples // batch)
    products = work.prefill_flops + work.scoring_flops
    explaining = work.gradients * pace.pass_seconds * 3 + work.gradient_steps * pace.step_seconds
    return {
        "read": samples * pace.read_seconds,
        "encode": samples * work.encoded * pace.encode_seconds,
        "prefill": samples * products / pace.flops_per_second + passes * work.prefills * pace.pass_seconds,
        "gradient": samples * work.gradient_flops / pace.flops_per_second + passes * explaining,
        "decode": passes * work.decoded * steps * pace.step_seconds,
    }


def _work(
    cuts: _Cuts,
    decoder: Decoder,
    cells: Sequence[Cell],
    costs: Mapping[Cell, Mapping[Any, Any]],
    n_image: int,
    n_text: int,
) -> _Work:
    """Add up what cells compute together: layers that they share once, gradients once."""
    encoded, prefills, flops, scoring = 1.0, 0.0, 0.0, 0.0
    gradients: dict[Hashable, tuple[float, int]] = {}
    pruned: list[tuple[list[Hashable], np.ndarray]] = []
    decoded = 0
    for cell in cells:
        row = costs[cell]
        schedule, ranked, positions = cuts.of(cell)
        explained = next((one for one in ranked.values() if "gradient" in (one.cost or "").split("+")), None)
        if explained:
            gradients[explained.identity] = (row["tflops_scoring"] * TERA, explained.answer_tokens)
        else:
            scoring += row["tflops_scoring"] * TERA
        # Of smaller pictures, which are encoded for themselves, there are fewer from the beginning.
        own_image = int(row["image_tokens"])
        if own_image < n_image:
            encoded += own_image / n_image
        kept = np.full(decoder.layers, own_image)
        for layer, keep in schedule:
            kept[layer:] = keep
        layers = decoder.layer(kept + n_text, kept + n_text)
        if not schedule:
            # Unpruned cells share nothing, and are run for themselves.
            prefills, flops, decoded = prefills + 1, flops + layers.sum() + decoder.head, decoded + 1
            continue
        done: list[Hashable] = [None] * decoder.layers
        for layer, keep in schedule:
            done[layer] = (keep, positions, ranked.get(layer))
        pruned.append((done, layers))
    for prefill in sharing_order([done for done, _ in pruned]):
        own = pruned[prefill.cells[0]][1][prefill.shared_before :]
        prefills += len(own) / decoder.layers
        flops += own.sum() + decoder.head
        decoded += 1
    return _Work(
        encoded=encoded,
        prefills=prefills,
        prefill_flops=flops,
        scoring_flops=scoring,
        gradient_flops=sum(one for one, _ in gradients.values()),
        gradients=len(gradients),
        gradient_steps=sum(min(tokens, SENTENCE_STEPS) for _, tokens in gradients.values() if tokens > 1),
        decoded=decoded,
    )


def _steps(plan: Plan, benchmark: str) -> int:
    """Return the decoding steps of a batch."""
    usual = SENTENCE_STEPS if _adapter(plan, benchmark).free_text else SHORT_STEPS
    return min(usual, plan.answer_tokens(benchmark) - 1)


def _samples(plan: Plan, benchmark: str) -> int:
    limit = plan.config["benchmark_specs"][benchmark].get("limit")
    adapter: Adapter = plan.inputs.adapter(benchmark)
    published = adapter.n_published()
    try:
        return len(adapter)
    except PrunegridError as error:
        # Data that are still to be downloaded, or drawn.
        known = [int(number) for number in (limit, published) if number is not None]
        if not known:
            raise ConfigError(
                f"benchmark_specs.{benchmark}: how many samples it has is not known yet: {error}"
            ) from error
        return min(known)


def _adapter(plan: Plan, benchmark: str) -> type[Adapter]:
    found: type[Adapter] = plugins.load("benchmarks", plan.config["benchmark_specs"][benchmark]["adapter"])
    return found


def _checked(plan: Plan, model: str) -> dict[str, Any] | None:
    """Return the pace that `check` measured of a model, unless a card is asked for."""
    named = plan.config["compute_plan"]["device"]
    file = Path(plan.config["results_dir"], model, CHECK)
    if named in ("auto", "measured") and file.exists():
        pace: dict[str, Any] = (read_check(file) or {}).get("pace", {})
        # A check that failed may have got no further than loading.
        if pace:
            return pace
    if named == "measured":
        raise ConfigError(
            f"compute_plan.device is 'measured', but there is no {file}: run `snakemake --cores 1 check`"
        )
    return None


def _card(plan: Plan) -> Card:
    named = plan.config["compute_plan"]["device"]
    return CARDS.get(named, CARDS[DEFAULT_CARD])


def _batch(
    plan: Plan,
    model: str,
    checked: Mapping[str, Any] | None,
    decoder: Decoder,
    tokens: int,
    number_bytes: int,
) -> int:
    configured = plan.config["model_specs"][model].get("batch_size", plan.config["batch_size"])
    if configured != "auto":
        return int(configured)
    if checked is not None:
        return int(checked["batch_size"])
    free = _card(plan).memory_gb * 1e9 - decoder.parameters * number_bytes
    return fitting_batch(decoder, free, tokens, number_bytes, gradients=True)


def as_text(rows: pd.DataFrame) -> str:
    """Return the forecast for a terminal: a table per model, and what it rests on."""
    parts = []
    for model, own in rows.groupby("model", sort=False):
        first = own.iloc[0]
        basis = "as `check` measured it" if first["measured"] else "as assumed from its data sheet"
        parts.append(
            f"{model}: {own['hours'].sum():.3g} hours of one {first['device']}, {basis}, batch size "
            f"{first['batch_size']}, up to {own['memory_gb'].max():.0f} GB a job (docs/forecast.md)"
        )
        shown = own[["benchmark", "samples", "cells", "jobs", *PARTS, "hours", "memory_gb"]]
        parts.append(shown.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    parts.append(f"in all: {rows['hours'].sum():.3g} hours")
    return "\n".join(parts)
