"""What flows of attention are worth: shares by layer, and answers and scores where one is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from prunegrid.results.flow_rows import FLOWS
from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap
from prunegrid.statistics.testing import holm
from prunegrid.tables.aligned_scores import alike
from prunegrid.tables.difference import Contrast, differences
from prunegrid.tables.options import TableOptions
from prunegrid.tables.rates import Mean, means
from prunegrid.tables.signs import UNBOUNDED

# What a row is of: the share of attention, the share of answers that are others, the change of the score.
SHARE, CHANGED, DIFFERENCE = "share", "changed", "difference"
# Sign flips for each test, so that a corrected p can be small.
_FLIPS_PER_TEST = 1_000
# Value, lower and upper limit, p, corrected p, samples.
_Numbers = tuple[float, float, float, float, float, int]


@dataclass(frozen=True)
class FlowEffect:
    """A number of flow.csv; docs/columns.md says what each field holds."""

    benchmark: str
    quantity: str
    flow: str
    first: int
    end: int
    value: float
    low: float
    high: float
    p: float
    p_corrected: float
    n: int
    n_asked: int
    n_layers: int
    metric: str


def flow_effects(
    found: Mapping[str, tuple[pd.DataFrame, Mapping[str, Any]]], options: TableOptions
) -> list[FlowEffect]:
    """Return all numbers of one model.

    Parameters
    ----------
    found : mapping
        Benchmark -> rows and metadata, as `results.flow_rows.read_flow_rows` returns them.
    options : TableOptions
        Replicates and seed.

    Returns
    -------
    list of FlowEffect
        p is corrected for all differences of the model (Holm).
    """
    n_tests = sum(int(rows.groupby(["flow", "first", "end"]).ngroups) for rows, _ in found.values())
    flips = max(options.replicates, _FLIPS_PER_TEST * n_tests)
    effects = [
        one
        for benchmark, (rows, metadata) in found.items()
        for one in _of_benchmark(benchmark, rows, metadata, options, flips)
    ]
    corrected = holm(np.array([one.p for one in effects]))
    return [replace(one, p_corrected=float(p)) for one, p in zip(effects, corrected, strict=True)]


def _of_benchmark(
    benchmark: str,
    rows: pd.DataFrame,
    metadata: Mapping[str, Any],
    options: TableOptions,
    flips: int,
) -> list[FlowEffect]:
    plain = rows[rows["flow"].isna()].set_index("sample_id")
    clusters = Clusters.of(plain["image_id"].fillna(pd.Series(plain.index, plain.index)))
    n_layers, metric = metadata["n_layers"], metadata["headline"]

    def effect(quantity: str, where: tuple[str, int, int], numbers: _Numbers) -> FlowEffect:
        value, low, high, p, p_corrected, n = numbers
        return FlowEffect(
            benchmark, quantity, *where, value, low, high, p, p_corrected, n, len(plain), n_layers, metric
        )

    effects = [
        effect(SHARE, (flow, layer, layer + 1), _mean(one))
        for flow in FLOWS
        for layer, one in enumerate(_shares(plain[flow], n_layers, clusters))
    ]
    hidden: dict[tuple[str, int, int], pd.DataFrame] = {}
    for name, own in rows[rows["flow"].notna()].groupby(["flow", "first", "end"], sort=False):
        flow, first, end = cast("tuple[str, float, float]", name)
        hidden[flow, int(first), int(end)] = own.set_index("sample_id").reindex(plain.index)
    changed = means({str(where): _changed(plain, own)[:, None] for where, own in hidden.items()}, clusters)
    effects += [effect(CHANGED, where, _mean(changed[str(where)])) for where in hidden]
    bootstrap = Bootstrap(clusters.count, options.replicates, options.seed)
    contrasts = [_contrast(plain["score"], own["score"], metric) for own in hidden.values()]
    compared = differences(contrasts, clusters, bootstrap, flips, options.seed)
    for where, contrast, one in zip(hidden, contrasts, compared, strict=True):
        n = int((~np.isnan(contrast.mean)).sum())
        effects.append(effect(DIFFERENCE, where, (one.value, one.low, one.high, one.p, np.nan, n)))
    return effects


def _shares(own: pd.Series[Any], n_layers: int, clusters: Clusters) -> Sequence[Mean]:
    """Return the mean share of each layer over samples."""
    nothing = np.full(n_layers, np.nan)
    values = np.stack([nothing if one is None else np.asarray(one, dtype=np.float64) for one in own])
    return list(means({str(layer): values[:, [layer]] for layer in range(n_layers)}, clusters).values())


def _changed(plain: pd.DataFrame, own: pd.DataFrame) -> np.ndarray:
    """Return whether each sample got another parsed answer: 1 or 0, NaN where not both are there.

    See `prunegrid.tables.aligned_scores.alike`.
    """
    answers = [
        pa.chunked_array([pa.array(one["parsed_answer"], pa.string(), from_pandas=True)])
        for one in (plain, own)
    ]
    unknown = plain["score"].isna().to_numpy() | own["score"].isna().to_numpy()
    return np.where(unknown, np.nan, 1 - alike(*answers))


def _contrast(plain: pd.Series[float], own: pd.Series[float], metric: str) -> Contrast:
    before, after = plain.to_numpy(np.float64), own.to_numpy(np.float64)
    bounded = metric not in UNBOUNDED
    column = after - before
    known = before[~np.isnan(column)]
    binary = bool(np.isin(np.concatenate([known, after[~np.isnan(column)]]), [0.0, 1.0]).all())
    return Contrast(
        by_seed=column[:, None],
        # A caption can lose what it has.
        whole=1.0 if bounded or not known.any() else float(known.mean()),
        n_draws=0,
        drawn="",
        bounded=bounded,
        tested=True,
        binary=binary,
        computed=frozenset(),
    )


def _mean(one: Mean) -> _Numbers:
    return one.value, *one.share_limits(), np.nan, np.nan, one.n
