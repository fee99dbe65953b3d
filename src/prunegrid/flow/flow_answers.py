"""Answers of one model to one benchmark with flows hidden, and the shares of attention of every flow.

What is finished of it is written at once, so that a killed job goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from accelerate.utils.memory import clear_device_cache

from prunegrid.axis_names import BASELINE
from prunegrid.flow.attention_shares import attention_shares
from prunegrid.flow.hiding import hidden
from prunegrid.flow.token_kinds import KERNELS
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.out_of_memory import BatchSize
from prunegrid.predict.pace import Pace
from prunegrid.predict.predict_cells import Shared, chosen_batch
from prunegrid.predict.prompts import Prompt, collate
from prunegrid.predict.requests import BenchmarkRun, CellRun
from prunegrid.pruning.determinism import without_cudnn_attention
from prunegrid.pruning.memory_errors import ran_out
from prunegrid.results.flow_rows import FLOWS, Masking
from prunegrid.results.predictions import write_rows
from prunegrid.results.sealed import is_sealed, sealed_path

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter

_LOG = logging.getLogger(__name__)
NOTHING = "nothing hidden"
SHARES = pa.schema([("sample_id", pa.string()), *((flow, pa.list_(pa.float32())) for flow in FLOWS)])


@dataclass(frozen=True)
class FlowFiles:
    """Where the parts lie.

    Attributes
    ----------
    shares : Path
        Columns of `SHARES`, a row per sample; null where a sample has none.
    predictions : dict
        What is hidden, None for nothing -> predictions, as of a cell.
    """

    shares: Path
    predictions: Mapping[Masking | None, Path]


def model_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's specification with attention that takes a mask of rows and columns."""
    kernel = spec.get("attn_implementation")
    return {**spec, "attn_implementation": kernel if kernel in KERNELS else KERNELS[0]}


def measure_flows(
    run: BenchmarkRun,
    adapter: Adapter,
    limit: int,
    hide: Sequence[Masking],
    folder: str | Path,
    shared: Shared,
) -> FlowFiles:
    """Compute what is not there yet of a benchmark's parts.

    Parameters
    ----------
    run : BenchmarkRun
        Model and benchmark; its store is not used. Its `check_planned` is called before a part is written.
    adapter : Adapter
        The benchmark.
    limit : int
        The first samples, so many at most.
    hide : sequence of Masking
        Each is asked all of them; and once with nothing hidden.
    folder : path
        Where the parts lie: of this key alone.
    shared : Shared
        The model, loaded as `model_spec` says.

    Returns
    -------
    FlowFiles
        All parts, finished.
    """
    folder = Path(folder)
    named = {masking: folder / f"{_name(masking)}.parquet" for masking in (None, *hide)}
    files = FlowFiles(folder / "shares.parquet", named)
    missing = [masking for masking, file in named.items() if not is_sealed(file)]
    if not missing and is_sealed(files.shares):
        return files
    folder.mkdir(parents=True, exist_ok=True)
    loaded = shared.loaded
    maker, samples = shared.maker, adapter.samples(range(min(len(adapter), limit)))
    prompts = [maker.with_features(maker.prepared(sample).without_image()) for sample in samples]
    _LOG.info(
        f"{len(prompts)} samples on {loaded.model.device}: {len(missing)} of {len(named)} answers to each "
        "are missing"
    )
    if not is_sealed(files.shares):
        _write_shares(files.shares, run, loaded, prompts)
    size = BatchSize(chosen_batch(run, shared, adapter))
    pace = Pace([(_label(masking), len(prompts)) for masking in missing])
    for masking in missing:
        rows, seconds = _answers(run, loaded, adapter, prompts, masking, size)
        run.check_planned(_unpruned(masking))
        write_rows(named[masking], rows, {"hidden": _label(masking)})
        pace.done(_label(masking), len(rows), sum(row["status"] == "error" for row in rows), seconds)
    return files


def _name(masking: Masking | None) -> str:
    return "nothing" if masking is None else f"{masking.flow}-{masking.first}-{masking.end}"


def _label(masking: Masking | None) -> str:
    return NOTHING if masking is None else str(masking)


def _answers(
    run: BenchmarkRun,
    loaded: LoadedModel,
    adapter: Adapter,
    prompts: Sequence[Prompt],
    masking: Masking | None,
    size: BatchSize,
) -> tuple[list[dict[str, Any]], float]:
    """Return the rows of predictions of the unpruned model with a flow hidden, and their seconds."""
    with hidden(loaded.model, masking):
        (found,) = predict_prompts(
            loaded,
            adapter,
            prompts,
            [_unpruned(masking)],
            batch_size=size,
            max_new_tokens=run.max_new_tokens(adapter),
        )
    return found


def _unpruned(masking: Masking | None) -> CellRun:
    return CellRun("", "", _label(masking), {"ratio": 0.0, "seed": 0}, (BASELINE, {}), None)


def _write_shares(path: Path, run: BenchmarkRun, loaded: LoadedModel, prompts: Sequence[Prompt]) -> None:
    rows = [
        {"sample_id": prompt.sample.sample_id, **dict(zip(FLOWS, _shares(loaded, prompt), strict=True))}
        for prompt in prompts
    ]
    run.check_planned(_unpruned(None))
    with sealed_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SHARES), temporary)


def _shares(loaded: LoadedModel, prompt: Prompt) -> list[list[float] | None]:
    """Return the share of each flow in each layer for one prompt, alone; None where it cannot be run."""
    nothing: list[list[float] | None] = [None] * len(FLOWS)
    if prompt.error is not None:
        return nothing
    try:
        with without_cudnn_attention(), torch.no_grad():
            (found,) = attention_shares(loaded.model, collate([prompt], loaded).inputs)
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        clear_device_cache(garbage_collection=True)
        return nothing
    return [None if bool(one.isnan().any()) else one.tolist() for one in found.T]
