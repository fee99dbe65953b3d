"""The job of the rule `download`: what a configuration needs from the hub, where there is a network."""

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from prunegrid.data import hub
from prunegrid.data.hub_download import fetch_data, fetch_model
from prunegrid.errors import DataError, PrunegridError
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.preflight import check_inputs

_LOG = logging.getLogger(__name__)


def go_online() -> None:
    """Let this process use the hub, which the Snakefile forbids to all jobs.

    To be called before huggingface_hub is imported.
    """
    os.environ.update(HF_HUB_OFFLINE="0", TRANSFORMERS_OFFLINE="0")


def download(inputs: StudyInputs) -> None:
    """Fetch the models and data sets of a study into the hub cache, resuming and verifying, and check them.

    One that fails does not keep the others from being fetched.

    Raises
    ------
    DataError
        Naming all that could not be fetched.
    """
    faults = []
    for name, fetch in _wanted(inputs):
        try:
            _LOG.info(f"{name}: {fetch()}")
        except PrunegridError as error:
            faults.append(f"{name}: {error}")
            _LOG.error(f"FAILED {faults[-1]}")
    if not faults:
        faults = check_inputs(inputs)
    if faults:
        raise DataError(
            "not all of it is here; run it again, and it goes on where it was:\n" + "\n".join(faults)
        )


def _wanted(inputs: StudyInputs) -> Iterator[tuple[str, Callable[[], str | Path]]]:
    """Yield (name, what fetches it and returns where it lies)."""
    for model in inputs.config["models"]:
        yield model, partial(_model, inputs, model)
    for benchmark in inputs.config["benchmarks"]:
        yield benchmark, partial(_data, inputs, benchmark)


def _model(inputs: StudyInputs, model: str) -> str | Path:
    spec = inputs.config["model_specs"][model]
    if not hub.is_hub_id(spec["path"]) or inputs.is_local(spec["path"]):
        return f"lies in {inputs.model_path(model)}"
    return fetch_model(spec["path"], spec.get("revision"), remote_code=spec.get("trust_remote_code", False))


def _data(inputs: StudyInputs, benchmark: str) -> str | Path:
    if inputs.is_prepared(benchmark):
        return "is drawn here"
    wanted = inputs.adapter(benchmark).hub_files()
    if wanted is None:
        return f"lies in {inputs.data_path(benchmark)}"
    adapter = inputs.adapter(benchmark)
    for repositories, where in adapter.joined_hub_files():
        fetch_data(repositories, **where)
    repositories, where = wanted
    return fetch_data(repositories, **where)
