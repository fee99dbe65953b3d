"""The job of the rule `predict`. Torch is imported only to compute something."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.jobs.batch_choice import batch_choice
from prunegrid.jobs.bundle import (
    cell_shards,
    cells_by_benchmark,
    each_benchmark,
    finished_files,
    missing_cells,
)
from prunegrid.jobs.planned_code import PlannedCode
from prunegrid.jobs.planned_files import check_files
from prunegrid.predict.requests import BenchmarkRun, CellRun, KeptFeatures
from prunegrid.results.store import Store
from prunegrid.study.config import plugin_of
from prunegrid.study.grid import Cell, criterion_of
from prunegrid.study.markers import Marker, job_of
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_benchmark, check_model


def predict(
    config: Mapping[str, Any],
    home: Path,
    bundle: tuple[str, str],
    part: str,
    keys: list[str],
    threads: int,
    code: Mapping[str, Any] | None = None,
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
    code : mapping, optional
        The code of the keys, as planned; see `jobs.planned_code.PlannedCode`. `files`: benchmark ->
        `CellKeys.files_hashes`, as planned.

    Returns
    -------
    dict
        Benchmark -> key -> files that the store then holds, for the job's marker.

    Raises
    ------
    CodeChangedError
        If code was edited since the run began, so that what it made is not what its key stands for.
    InputsChangedError
        If files of the model or of data were changed since then.
    Exception
        What a benchmark failed with, after the others are done.
    """
    planned, files = PlannedCode(code), (code or {}).get("files", {})
    plan = Plan(config, home)
    model, _ = bundle
    job, n_jobs = job_of(part)
    shared = cache(lambda: _shared_model(plan, model, threads))

    def predict_own(benchmark: str, cells: dict[str, Cell]) -> dict[str, list[str]]:
        store = plan.store(model, benchmark)
        missing = missing_cells(store, cells)
        if missing:
            # At once and by name, on a node that does not see what was downloaded elsewhere.
            check_model(plan.inputs, model)
            check_benchmark(plan.inputs, benchmark)
            from prunegrid.predict.predict_cells import predict_cells

            def check(run: CellRun) -> None:
                code_files = plan.keys.prediction_files(missing[run.key])
                planned.check(run.key, code_files, f"{benchmark} {run.label}")
                check_files(plan, model, benchmark, files.get(benchmark, {}))

            run = replace(benchmark_run(plan, store, model, benchmark, job, n_jobs), check_planned=check)
            runs = [cell_run(plan, key, cell, planned) for key, cell in missing.items()]
            predict_cells(run, runs, shared())
        if n_jobs == 1:
            return finished_files(store, cells)
        shards = cell_shards(plan, model, benchmark, cells, planned)
        return {
            key: [store.name(one.file(i)) for i in range(job - 1, len(one), n_jobs)]
            for key, one in shards.items()
        }

    return each_benchmark(cells_by_benchmark(plan, bundle, keys), predict_own)


def _shared_model(plan: Plan, model: str, threads: int) -> Any:
    import torch

    from prunegrid.predict.predict_cells import Shared

    torch.set_num_threads(threads)
    most = plan.config["feature_store_gb"] * 1e9
    folder = Path(plan.config["results_dir"], model, ".features")
    kept = KeptFeatures(folder, plan.keys.features_key(model), most) if most else None
    return Shared(plan.inputs.model_path(model), plan.config["model_specs"][model], kept)


def benchmark_run(
    plan: Plan, store: Store, model: str, benchmark: str, job: int = 1, n_jobs: int = 1
) -> BenchmarkRun:
    """Return the arguments of a job of a plan: one model, one benchmark, one of some parts."""
    spec = plan.config["model_specs"][model]
    return BenchmarkRun(
        model_path=plan.inputs.model_path(model),
        model_spec=spec,
        data_path=plan.inputs.data_path(benchmark),
        benchmark_spec=plan.inputs.benchmark_spec(benchmark, model),
        store=store,
        batch_size=batch_choice(spec.get("batch_size", plan.config["batch_size"])),
        shard_size=plan.config["shard_size"],
        job=job,
        n_jobs=n_jobs,
        slots_per_gpu=plan.config["slots_per_gpu"],
    )


def cell_run(plan: Plan, key: str, cell: Cell, planned: PlannedCode | None = None) -> CellRun:
    """Return how a cell of a plan is run; `key` names its files in the store."""
    code = plan.keys.prediction_code(cell)
    return CellRun(
        key,
        planned.of(key, code) if planned else code,
        cell.label,
        vars(cell),
        plugin_of(plan.config, "strategies", cell.strategy),
        criterion_of(plan.config, cell.criterion),
        share_ratio=plan.share_ratio(cell),
    )
