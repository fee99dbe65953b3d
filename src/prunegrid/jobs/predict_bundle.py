"""What the scripts of predictions call: one function a job. Torch is imported only to compute something."""

import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.errors import PrunegridError
from prunegrid.files import is_whole_parquet
from prunegrid.predict.requests import BenchmarkRun, CellRun
from prunegrid.results.shards import CellShards
from prunegrid.results.store import Store
from prunegrid.study.config import plugin_of
from prunegrid.study.grid import NO_CRITERION, Cell
from prunegrid.study.markers import Marker, job_of
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_benchmark, check_model

Say = Callable[[str], None]


def predict_bundle(
    config: Mapping[str, Any],
    home: Path,
    bundle: tuple[str, str],
    part: str,
    keys: list[str],
    threads: int,
    say: Say,
) -> Marker:
    """Compute what the stores do not hold of a bundle's cells, or of the part that is the job's.

    The model is loaded once, if anything is missing. A benchmark that fails does not keep the bundle's others
    from being computed.

    Parameters
    ----------
    config : mapping
        The workflow's configuration, as `config.validate` returns it.
    home : Path
        Folder of the Snakefile.
    bundle : tuple of str
        Model and name of the bundle.
    part : str
        Which of the bundle's parallel jobs this is (`study.markers.parts`); empty: the only one.
    keys : list of str
        The cells' keys, in the bundle's order, as planned.
    threads : int
        CPU threads.
    say : callable
        Takes a line of progress.

    Returns
    -------
    dict
        Benchmark -> key -> files that the store then holds, for the job's marker.

    Raises
    ------
    Exception
        What a benchmark failed with, after the others are done.
    """
    plan = Plan(config, home)
    model, _ = bundle
    job, n_jobs = job_of(part)
    shared = cache(lambda: _shared_model(plan, model, threads))

    def predict(benchmark: str, cells: dict[str, Cell], say: Say) -> dict[str, list[str]]:
        store = plan.store(model, benchmark)
        missing = _missing(store, cells, say)
        if missing:
            # At once and by name, on a node that does not see what was downloaded elsewhere.
            check_model(plan.inputs, model)
            check_benchmark(plan.inputs, benchmark)
            from prunegrid.predict.predict_cells import predict_cells

            spec = plan.config["model_specs"][model]
            run = BenchmarkRun(
                model_path=plan.inputs.model_path(model),
                model_spec=spec,
                data_path=plan.inputs.data_path(benchmark),
                benchmark_spec=plan.config["benchmark_specs"][benchmark],
                store=store,
                batch_size=spec.get("batch_size", plan.config["batch_size"]),
                shard_size=plan.config["shard_size"],
                job=job,
                n_jobs=n_jobs,
                say=say,
            )
            predict_cells(run, [_cell_run(plan, key, cell) for key, cell in missing.items()], shared())
        if n_jobs == 1:
            return _finished(store, cells)
        shards = _shards(plan, model, benchmark, cells)
        return {
            key: [store.name(one.file(i)) for i in range(job - 1, len(one), n_jobs)]
            for key, one in shards.items()
        }

    return each_benchmark(_by_benchmark(plan, bundle, keys), predict, say)


def _shared_model(plan: Plan, model: str, threads: int) -> Any:
    import torch

    from prunegrid.predict.predict_cells import Shared

    torch.set_num_threads(threads)
    return Shared(plan.inputs.model_path(model), plan.config["model_specs"][model])


def join_bundle(
    config: Mapping[str, Any], home: Path, bundle: tuple[str, str], keys: list[str], say: Say
) -> Marker:
    """Make the files of a bundle's cells of the shards that its parallel jobs have left.

    Parameters
    ----------
    config, home, bundle, keys, say
        As in `predict_bundle`.

    Returns
    -------
    dict
        Benchmark -> key -> files that the store then holds, for the job's marker.

    Raises
    ------
    DataError
        If a shard is missing or damaged; the next run computes it.
    """
    plan = Plan(config, home)
    model, _ = bundle

    def join(benchmark: str, cells: dict[str, Cell], say: Say) -> dict[str, list[str]]:
        store = plan.store(model, benchmark)
        missing = _missing(store, cells, say)
        for key, shards in _shards(plan, model, benchmark, missing).items():
            shards.join()
            say(f"{label(missing[key])}: {len(shards)} shards joined")
        return _finished(store, cells)

    return each_benchmark(_by_benchmark(plan, bundle, keys), join, say)


def _by_benchmark(plan: Plan, bundle: tuple[str, str], keys: Iterable[str]) -> dict[str, dict[str, Cell]]:
    """Return benchmark -> key -> cell of a bundle."""
    model, name = bundle
    found: dict[str, dict[str, Cell]] = {}
    for key, cell in zip(keys, plan.bundles(model)[name], strict=True):
        found.setdefault(cell.benchmark, {})[key] = cell
    return found


def each_benchmark(
    cells: Mapping[str, Any], work: Callable[[str, Any, Say], dict[str, list[str]]], say: Say
) -> Marker:
    """Do the work of a job for one benchmark after the other; one that fails ends the job at the end."""
    left, failed = {}, []
    for benchmark, own in cells.items():
        named = say if len(cells) == 1 else lambda line, name=benchmark: say(f"{name}: {line}")
        try:
            left[benchmark] = work(benchmark, own, named)
        except Exception as error:
            named(f"FAILED: {type(error).__name__}: {error}")
            # What its frames hold, tensors too, is not needed any more; the next benchmark may need the room.
            traceback.clear_frames(error.__traceback__)
            told = isinstance(error, PrunegridError) and len(cells) > 1
            failed.append(type(error)(f"{benchmark}: {error}") if told else error)
    if failed:
        # One that nobody expected comes first: only its traceback tells where it comes from.
        raise min(failed, key=lambda error: isinstance(error, PrunegridError))
    return left


def _missing(store: Store, cells: Mapping[str, Cell], say: Say) -> dict[str, Cell]:
    """Return key -> cell of those that the store does not hold."""
    missing = {}
    for key, cell in cells.items():
        file = store.predictions(key)
        if not is_whole_parquet(file):
            missing[key] = cell
            if file.exists():
                say(f"WARNING: {file} is cut short; {label(cell)} is computed again")
    say(f"{len(cells) - len(missing)} of {len(cells)} cells are in the store")
    return missing


def _shards(plan: Plan, model: str, benchmark: str, keys: Iterable[str]) -> dict[str, CellShards]:
    store, size = plan.store(model, benchmark), plan.config["shard_size"]
    sample_ids = plan.inputs.adapter(benchmark).sample_ids()
    return {key: CellShards(store, key, size, sample_ids) for key in keys}


def _finished(store: Store, keys: Iterable[str]) -> dict[str, list[str]]:
    return {key: [store.name(store.predictions(key))] for key in keys}


def label(cell: Cell) -> str:
    """Return how progress lines call a cell."""
    name = cell.strategy if cell.criterion == NO_CRITERION else f"{cell.strategy} x {cell.criterion}"
    return f"{name}, ratio {cell.ratio:.3f}, seed {cell.seed}"


def _cell_run(plan: Plan, key: str, cell: Cell) -> CellRun:
    criterion = None
    if cell.criterion != NO_CRITERION:
        criterion = plugin_of(plan.config, "criteria", cell.criterion)
    return CellRun(
        key,
        plan.keys.prediction_code(cell),
        label(cell),
        vars(cell),
        plugin_of(plan.config, "strategies", cell.strategy),
        criterion,
        share_ratio=plan.share_ratio(cell),
    )
