"""The job of the rule `measure_flow`. Torch is imported only to compute something."""

from __future__ import annotations

import logging
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.data import hub
from prunegrid.jobs.planned_code import PlannedCode
from prunegrid.jobs.predict import benchmark_run
from prunegrid.results.flow_rows import FLOWS, write_flow_rows
from prunegrid.results.predictions import TOO_LARGE
from prunegrid.scoring.score_flows import scored_rows
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_benchmark, check_model

_LOG = logging.getLogger(__name__)


def measure_flow(
    config: Mapping[str, Any],
    home: Path,
    model: str,
    benchmark: str,
    key: str,
    path: str | Path,
    threads: int,
    code: Mapping[str, Any] | None = None,
) -> None:
    """Measure the flows of a model on a benchmark as the configuration's section `flow` says.

    Parameters
    ----------
    config : mapping
        The workflow's configuration, as `config.validate` returns it.
    home : Path
        Folder of the Snakefile.
    model, benchmark : str
        Their names.
    key : str
        The hash of all that the rows depend on, as planned.
    path : path
        Where they are written. What is finished meanwhile lies beside it, in `.parts`.
    threads : int
        CPU threads.
    code : mapping, optional
        The code of the key, as planned; see `jobs.planned_code.PlannedCode`.

    Raises
    ------
    CodeChangedError
        If code was edited since the run began, so that what it made is not what the key stands for.
    """
    planned = PlannedCode(code)
    plan, path = Plan(config, home), Path(path)
    check_model(plan.inputs, model)
    check_benchmark(plan.inputs, benchmark)
    import torch

    from prunegrid.flow.flow_answers import measure_flows, model_spec
    from prunegrid.flow.maskings import maskings
    from prunegrid.predict.hardware import describe_device, describe_model
    from prunegrid.predict.predict_cells import Shared

    torch.set_num_threads(threads)
    spec = model_spec(config["model_specs"][model])
    shared = Shared(plan.inputs.model_path(model), spec)

    def check_planned(_: object = None) -> None:
        for what, made_by in plan.keys.flow_files(model, benchmark).items():
            planned.check(what, made_by, what)

    run = replace(
        benchmark_run(plan, plan.store(model, benchmark), model, benchmark), check_planned=check_planned
    )
    how = config["flow"]
    n_layers = plan.inputs.layers(model)
    hide = maskings(n_layers, how["window"], how["stride"])
    parts = path.parent / ".parts" / benchmark
    adapter = plan.inputs.adapter(benchmark, model)
    files = measure_flows(run, adapter, how["limit"], hide, parts / key, shared)
    name = plan.inputs.scorer(benchmark)
    scorer = plugins.build("scorers", name, plan.inputs.scorer_options(benchmark, model))
    rows = list(scored_rows(scorer, files.predictions, files.shares))
    check_planned()
    loaded = shared.loaded
    metadata = {
        "key": key,
        "model": {
            "id": spec["path"],
            "revision": hub.commit_of(plan.inputs.model_path(model)) or spec.get("revision"),
        },
        "benchmark": benchmark,
        "data": adapter.provenance(),
        "n_layers": n_layers,
        "how": {name: how[name] for name in ("limit", "window", "stride")},
        "scorer": name,
        "headline": scorer.headline,
        "headline_variant": scorer.headline_variant,
        **describe_model(loaded.model),
        "device": describe_device(loaded.model.device),
        "packages": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "accelerate")},
        },
    }
    write_flow_rows(path, rows, metadata)
    # Those of other keys too: nothing asks for them any more.
    shutil.rmtree(parts, ignore_errors=True)
    _LOG.info(f"{len(rows)} answers in {path}")
    if told := left_out(rows):
        _LOG.warning(f"{told}; they are tried again where {path} is deleted")


def left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how many samples have no answer or no shares somewhere, and how many did not fit into memory."""
    missing, too_large = set[str](), set[str]()
    for row in rows:
        # A prompt that is run has shares, unless it alone does not fit.
        no_shares = row.get("flow") is None and all(row[name] is None for name in FLOWS)
        if row["status"] == "error" or no_shares:
            missing.add(row["sample_id"])
            if row["error"] == TOO_LARGE or row["status"] != "error":
                too_large.add(row["sample_id"])
    if not missing:
        return ""
    n_asked = len({row["sample_id"] for row in rows})
    return (
        f"{len(missing)} of the first {n_asked} samples are left out where they have no answer, or no share "
        f"of attention: {len(too_large)} did not fit into memory"
    )
