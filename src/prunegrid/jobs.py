"""What the workflow's scripts call: one function a job. Torch is imported only to compute predictions."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from prunegrid import compute, positions
from prunegrid.config import plugin_of, validate
from prunegrid.grid import NO_CRITERION, Cell
from prunegrid.plan import Plan
from prunegrid.predictions import read
from prunegrid.score import SCORES, score_cells, write_scores

Say = Callable[[str], None]


def plan_for(config: Mapping[str, Any], home: str | Path, prepared: Collection[str] = ()) -> Plan:
    """Return the plan of a configuration as a script receives it."""
    home = Path(home)
    return Plan(validate(config, home / "workflow/schemas/config.schema.yaml"), home, prepared)


def predict_bundle(
    config: Mapping[str, Any],
    home: Path,
    bundle: tuple[str, str, str],
    keys: list[str],
    threads: int,
    say: Say,
) -> None:
    """Compute those cells of a bundle that the store does not hold.

    Parameters
    ----------
    config : mapping
        The workflow's configuration.
    home : Path
        Folder of the Snakefile.
    bundle : tuple of str
        Model, benchmark and number of the bundle.
    keys : list of str
        The cells' keys, in the bundle's order, as planned.
    threads : int
        CPU threads.
    say : callable
        Takes a line of progress.
    """
    plan = plan_for(config, home)
    model, benchmark, number = bundle
    cells = plan.bundles(model, benchmark)[number]
    store = plan.store(model, benchmark)
    missing = [
        (cell, key) for cell, key in zip(cells, keys, strict=True) if not (store / f"{key}.parquet").exists()
    ]
    say(f"{len(cells) - len(missing)} of {len(cells)} cells are in the store")
    if not missing:
        return
    import torch

    from prunegrid.bundle import predict_cells
    from prunegrid.runs import BenchmarkRun, CellRun

    torch.set_num_threads(threads)
    spec = plan.config["model_specs"][model]
    run = BenchmarkRun(
        model_path=plan.model_path(model),
        model_spec=spec,
        data_path=plan.data_path(benchmark),
        benchmark_spec=plan.config["benchmark_specs"][benchmark],
        store=store,
        batch_size=spec.get("batch_size", plan.config["batch_size"]),
        shard_size=plan.config["shard_size"],
        say=say,
    )
    predict_cells(
        run,
        [
            CellRun(key, plan.prediction_code(cell), label(cell), vars(cell), *_plugins(plan, cell))
            for cell, key in missing
        ],
    )


def score_benchmark(
    config: Mapping[str, Any], home: Path, model: str, benchmark: str, keys: Mapping[str, str], say: Say
) -> None:
    """Score those cells of a benchmark whose scores the store does not hold.

    Parameters
    ----------
    config : mapping
        The workflow's configuration.
    home : Path
        Folder of the Snakefile.
    model, benchmark : str
        Which cells.
    keys : mapping
        Key of the predictions -> key of the scores.
    say : callable
        Takes a line of progress.
    """
    plan = plan_for(config, home)
    store = plan.store(model, benchmark)
    files = {
        scores: store / f"{predictions}.parquet"
        for predictions, scores in keys.items()
        if not (store / "scores" / scores / SCORES).exists()
    }
    say(f"scores of {len(keys) - len(files)} of {len(keys)} cells are in the store")
    if not files:
        return
    metrics = plan.config["benchmark_specs"][benchmark].get("metrics")
    tables = plan.config["tables"]
    scored = score_cells(
        plan.scorer(benchmark),
        files,
        {"extra": metrics} if metrics else None,
        replicates=tables["replicates"],
        seed=tables["seed"],
    )
    for number, (key, scores) in enumerate(scored, start=1):
        columns = dict.fromkeys([*compute.COLUMNS, *positions.COLUMNS, "error"])
        rows, metadata = read(files[key], [*columns])
        write_scores(
            store / "scores" / key,
            scores,
            compute.cell_compute(rows, metadata),
            positions.cell_positions(rows, metadata),
        )
        if scores.n and scores.n_error == scores.n:
            name = label(Cell(**metadata["cell"]))
            say(f"WARNING: {name}: all {scores.n} rows are errors, the first: {rows['error'].iloc[0]}")
        if number % 50 == 0 or number == len(files):
            say(f"{number} of {len(files)} cells scored")


def label(cell: Cell) -> str:
    """Return how progress lines call a cell."""
    name = cell.strategy if cell.criterion == NO_CRITERION else f"{cell.strategy} x {cell.criterion}"
    return f"{name}, ratio {cell.ratio:.3f}, seed {cell.seed}"


def _plugins(plan: Plan, cell: Cell) -> tuple[tuple[str, dict], tuple[str, dict] | None]:
    criterion = None
    if cell.criterion != NO_CRITERION:
        criterion = plugin_of(plan.config, "criteria", cell.criterion)
    return plugin_of(plan.config, "strategies", cell.strategy), criterion
