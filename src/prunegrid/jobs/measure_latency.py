"""The job of the rule `measure_latency`. Torch is imported only to measure something."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prunegrid.data import hub
from prunegrid.jobs.predict import cell_run
from prunegrid.results.measurements import write_measurements
from prunegrid.study.measured_cells import measured_cells
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_benchmark, check_model

_LOG = logging.getLogger(__name__)


def measure_latency(
    config: Mapping[str, Any], home: Path, model: str, key: str, path: str | Path, threads: int
) -> None:
    """Measure the cells of a model that the configuration names, one benchmark after the other.

    Parameters
    ----------
    config : mapping
        The workflow's configuration, as `config.validate` returns it.
    home : Path
        Folder of the Snakefile.
    model : str
        Of which model.
    key : str
        The hash of all that the measurements depend on, as planned.
    path : path
        Where they are written.
    threads : int
        CPU threads.
    """
    plan = Plan(config, home)
    cells = measured_cells(plan, model)
    check_model(plan.inputs, model)
    import torch

    from prunegrid.latency.measure import Bench, HowToMeasure
    from prunegrid.predict.hardware import describe_device, describe_model
    from prunegrid.predict.predict_cells import Shared

    torch.set_num_threads(threads)
    shared = Shared(plan.inputs.model_path(model), config["model_specs"][model])
    how = HowToMeasure(**{name: value for name, value in config["latency"].items() if name != "cells"})
    loaded = shared.loaded
    bench = Bench(loaded, shared.maker, how)
    before = bench.clocks.read()
    rows = []
    for benchmark in dict.fromkeys(cell.benchmark for cell in cells):
        check_benchmark(plan.inputs, benchmark)
        own = [cell_run(plan, "", cell) for cell in cells if cell.benchmark == benchmark]
        rows += bench.measure(benchmark, plan.inputs.adapter(benchmark, model), own)
    spec = config["model_specs"][model]
    metadata = {
        "key": key,
        "model": {
            "id": spec["path"],
            "revision": hub.commit_of(plan.inputs.model_path(model)) or spec.get("revision"),
        },
        "cells": [vars(cell) for cell in cells],
        **describe_model(loaded.model),
        "device": describe_device(loaded.model.device),
        "threads": torch.get_num_threads(),
        "clocks_before": before,
        "clocks_after": bench.clocks.read(),
        "how": dict(config["latency"]),
        "packages": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "accelerate")},
        },
    }
    write_measurements(path, [{"position": i, **row} for i, row in enumerate(rows)], metadata)
    _LOG.info(f"{len(rows)} measurements of {len(cells)} cells in {path}")
