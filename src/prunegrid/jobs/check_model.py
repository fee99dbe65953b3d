"""The job of the rule `check`."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prunegrid.checks import whole_model
from prunegrid.checks.anchor import STEP as ANCHOR
from prunegrid.checks.anchor import anchor
from prunegrid.checks.check import check_subject, good, run_step
from prunegrid.checks.finding import CHECK, CheckResult, Finding
from prunegrid.checks.subject import Subject
from prunegrid.errors import ConfigError, PrunegridError
from prunegrid.jobs.batch_choice import batch_choice
from prunegrid.predict.free_memory import free_memory
from prunegrid.predict.loading import LoadedModel, load_model
from prunegrid.predict.prompts import Prompt, PromptMaker
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_benchmark
from prunegrid.study.preflight import check_model as check_files

_LOG = logging.getLogger(__name__)
# Samples that are read, over all benchmarks, and of the anchor's; a CPU takes fewer.
_SAMPLES, _FEW_SAMPLES = 64, 32
_ANCHOR_SAMPLES, _FEW_ANCHOR_SAMPLES = 200, 48
# Scorers of an anchor, the first that the study has: one whose numbers are published widely, then others.
_ANCHORS = ("pope", "vqa", "mcq", "scienceqa", "aokvqa")


def check_models(plan: Plan, threads: int) -> None:
    """Check the models of a study, one after the other; see `check_model`.

    Raises
    ------
    PrunegridError
        Naming every model that failed, after the others are checked.
    """
    # What any job takes to import its packages: processor time since this one began.
    start_seconds = time.process_time()
    failed = []
    for model in plan.config["models"]:
        try:
            check_model(plan, model, threads, start_seconds)
        except PrunegridError as error:
            failed.append(f"{model}: {error}")
    if failed:
        raise PrunegridError("\n".join(failed))


def check_model(plan: Plan, model: str, threads: int, start_seconds: float = 0.0) -> CheckResult:
    """Check a model of a study on the first samples of its benchmarks; print a table and write check.json.

    Parameters
    ----------
    plan : Plan
        The study.
    model : str
        Its name there.
    threads : int
        CPU threads.
    start_seconds : float
        What a job takes before it loads the model; part of the pace's `load_seconds`.

    Raises
    ------
    PrunegridError
        If a step fails, with its name; the table and check.json are written before.
    """
    import torch

    torch.set_num_threads(threads)
    check_files(plan.inputs, model)
    result = _result(plan, model, start_seconds)
    file = Path(plan.config["results_dir"], model, CHECK)
    result.write(file)
    print(f"{model}\n{result}", flush=True)
    if not result.passed:
        raise PrunegridError(f"the check failed: {', '.join(result.failed)}; see {file}")
    _LOG.info(f"passed; see {file}")
    return result


def _result(plan: Plan, model: str, start_seconds: float) -> CheckResult:
    spec = plan.config["model_specs"][model]
    about = {"model": spec["path"], **plan.keys.check_keys(model)}
    before = time.monotonic()
    try:
        loaded = load_model(plan.inputs.model_path(model), spec)
    except ConfigError as error:
        return CheckResult([Finding(whole_model.STEP, False, str(error))], {}, about)
    pace: dict[str, Any] = {"load_seconds": start_seconds + time.monotonic() - before}
    maker = PromptMaker(loaded, spec.get("system_prompt", "none"), spec.get("image_mode", "processor"))
    prompts, pace["read_seconds_per_sample"] = _prompts(plan, model, loaded, maker)
    batch_size = _batch_size(plan, model, loaded, prompts)
    subject = Subject(loaded, prompts, batch_size, spec.get("image_tokens"))
    result = check_subject(subject, pace, about)
    most = _FEW_ANCHOR_SAMPLES if loaded.model.device.type == "cpu" else _ANCHOR_SAMPLES
    anchored = run_step(ANCHOR, lambda one: _anchored(one, plan, model, maker, most, about), subject)
    pace = dict(result.pace)
    # Reading a file and making token ids and pixels of it is one work.
    pace["read_seconds_per_sample"] += pace.pop("prepare_seconds_per_sample", 0.0)
    return CheckResult([*result.findings[:-1], anchored, result.findings[-1]], pace, result.about)


def _batch_size(plan: Plan, model: str, loaded: LoadedModel, prompts: Sequence[Prompt]) -> int:
    """Return the study's batch size; for `auto` the one that its job would choose now."""
    spec = plan.config["model_specs"][model]
    choice = batch_choice(spec.get("batch_size", plan.config["batch_size"]))
    if isinstance(choice, int):
        return choice
    longest = max(len(prompt.input_ids) for prompt in prompts)
    answers = max(plan.inputs.adapter(name, model).max_new_tokens for name in plan.config["benchmarks"])
    free = free_memory(loaded.model, plan.config["slots_per_gpu"], spec.get("mem_mb"))
    return choice(loaded.model.config.to_dict(), longest + answers, loaded.model.dtype.itemsize, free)


def _prompts(plan: Plan, model: str, loaded: LoadedModel, maker: PromptMaker) -> tuple[list[Prompt], float]:
    """Return prompts of the first samples of all benchmarks, and the seconds that reading one took."""
    n_samples = _FEW_SAMPLES if loaded.model.device.type == "cpu" else _SAMPLES
    benchmarks = plan.config["benchmarks"]
    samples: list[Any] = []
    spent = 0.0
    for benchmark in benchmarks:
        check_benchmark(plan.inputs, benchmark)
        adapter = plan.inputs.adapter(benchmark, model)
        # Opening a file is done once, however many are read.
        positions = range(min(len(adapter), max(1, n_samples // len(benchmarks))))
        before = time.monotonic()
        found = list(adapter.samples(positions))
        spent += time.monotonic() - before
        samples += found
    return good(maker.prompts(samples)), spent / len(samples)


def _anchored(
    subject: Subject, plan: Plan, model: str, maker: PromptMaker, most: int, about: Mapping[str, Any]
) -> Finding:
    """Score the model on a few samples of the benchmark that is an anchor: POPE, if any."""
    names = reversed(plan.config["benchmarks"])
    by_scorer = {plan.inputs.scorer(benchmark): benchmark for benchmark in names}
    scorer = next(name for name in (*_ANCHORS, *by_scorer) if name in by_scorer)
    benchmark = by_scorer[scorer]
    adapter = plan.inputs.adapter(benchmark, model)
    prompts = maker.prompts(adapter.samples(range(min(len(adapter), most))))
    options = plan.inputs.scorer_options(benchmark, model)
    return anchor(subject, adapter, scorer, prompts, adapter.max_new_tokens, about, options)
