"""Read the configuration and plan the grid; helpers that the rules share. Nothing here imports torch."""

import os
import re
import sys
import time
from datetime import datetime
from functools import cache
from pathlib import Path

from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from prunegrid.axis_names import BASELINE
from prunegrid.errors import PrunegridError
from prunegrid.files import write_text
from prunegrid.jobs.devices import visible_devices
from prunegrid.jobs.planned_code import python_version
from prunegrid.results.seals import are_sealed, is_made_from
from prunegrid.study.command_line import about_this_study, check_request
from prunegrid.study.config import check_gpus, validate
from prunegrid.study.descriptions import (
    describe_cell,
    describe_check,
    describe_files,
    describe_methods,
    describe_names,
)
from prunegrid.study.drawn_data import is_drawn_by
from prunegrid.study.flow_benchmarks import flow_benchmarks, left_out, nothing_to_measure
from prunegrid.study.inputs import DEMO_BENCHMARKS, DEMO_DATA
from prunegrid.study.markers import has_lost, parts, predicted_marker
from prunegrid.study.measured_cells import measured_cells
from prunegrid.study.outside import use_plugins
from prunegrid.study.page_record import page_record, replaced
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_inputs
from prunegrid.study.published import is_displaced, is_stored
from prunegrid.study.run_end import last_lines
from prunegrid.study.run_locks import lock_own_files
from prunegrid.study.time_stamps import set_back, time_of
from prunegrid.study.unused_specs import check_unused
from prunegrid.study.writable import check_records, check_writable

TABLES = ["strategy", "criterion", "changes", "main_effects"]
METHODS_TABLE = ["methods.csv", "methods.md", "methods.tex", "methods.html"]
ENDINGS = ["csv", "md", "tex", "html"]
PAPER = [f"paper-{kind}.{ending}" for kind in ("strategy", "criterion") for ending in ("csv", "md", "tex")]
CELL_FILES = ["predictions.parquet", "scores.json", "scores.parquet"]
CELL = "{model}/{benchmark}/{strategy}/{criterion}/ratio-{ratio}/seed-{seed}"
AXES = ["model", "benchmark", "strategy", "criterion", "seed"]
# Targets that read no data, and those that run no cell.
NO_STUDY = {"download", "compute_plan", "status"}
NO_CELL = {*NO_STUDY, "check"}
# Those that write nothing into `results_dir`; and where rules make files beside it.
NO_RESULT = {"download", "status"}
MADE = Path("resources/demo")


def limit_gpus():
    """Let no more prediction jobs run on this machine than its GPUs have slots; the others wait without a core.

    Of jobs that are submitted elsewhere, each gets GPUs of its own.
    """
    allowed = workflow.global_resources.get("gpu").value
    here = workflow.resource_settings.nodes is None
    shown = len(visible_devices()) or None if here and allowed is None else None
    # Snakemake would quietly give each job no more than that.
    check_gpus(config, allowed, shown)
    if here and (allowed or shown):
        workflow.register_resource("gpu", (allowed or shown) * config["slots_per_gpu"])


def with_own_locks(prepare):
    """Prepare a run as `prepare` does, but let it lock what it writes and no more, and remove no other run's locks."""

    def prepared(**settings):
        prepare(**settings)
        # Dry runs, and the runs that jobs are, take none.
        if not settings["lock_warn_only"] and not settings.get("nolock"):
            lock_own_files(workflow.persistence, WorkflowError)

    return prepared


def past_damaged_records(prepare):
    """Prepare a run as `prepare` does, but let it take a damaged record of Snakemake's for none.

    Snakemake does so itself where a record is no JSON, but not where it is no text, or no record.
    """

    def prepared(**settings):
        prepare(**settings)
        read = workflow.persistence._read_record

        def read_record(key):
            try:
                return read(key)
            except ValueError:
                logger.warning(f"Snakemake's record of {key} is damaged, and is not used")
                return None

        workflow.persistence._read_record = read_record

    return prepared


try:
    if workflow.is_main_process:
        check_records(Path.cwd())
        check_request(sys.argv[1:], get_argument_parser(), workflow.config_settings.configfiles)
    use_plugins(config.get("plugins", []), HOME)
    config = validate(config, HOME / "workflow/schemas/config.schema.yaml")
    UNUSED = []
    if workflow.is_main_process:
        given = workflow.config_settings
        UNUSED = check_unused(config, given.configfiles, given.config, HOME)
    PLAN = Plan(config, HOME, DEMO_DATA)
    CELLS = {cell.folder: cell for cell in PLAN.grid.cells}
    # Model -> the cells whose time is measured.
    MEASURED = {model: some for model in config["models"] if (some := measured_cells(PLAN, model))}
    # Model -> the benchmarks on which its flows of attention are measured.
    FLOWS = flow_benchmarks(PLAN)
    NOT_HERE, SET_BACK = [], []
    # What `download` is to fetch cannot be there yet, and the others read no data.
    if workflow.is_main_process and not NO_STUDY & set(sys.argv):
        limit_gpus()
        NOT_HERE = check_inputs(PLAN.inputs)
        SET_BACK = set_back([config["results_dir"], MADE])
except PrunegridError as error:
    raise WorkflowError(f"configuration:\n{error}") from None

if "latency" in sys.argv and not MEASURED:
    raise WorkflowError(
        "latency.cells fits no cell of the grid, so there is nothing to measure: name some, such as "
        "`--config 'latency={cells: [{seed: 0}]}'` for every cell that draws nothing"
    )

if "flow" in sys.argv and not FLOWS:
    raise WorkflowError(nothing_to_measure(PLAN))


def with_writable_results(build):
    """Find the jobs of a run as `build` does, and refuse it if it has some and their results cannot be written.

    Snakemake would list all files that it cannot replace, and find others after hours.
    """

    def built():
        build()
        targets = set(workflow.dag_settings.targets)
        if (targets and targets <= NO_RESULT) or not any(workflow.dag.needrun_jobs()):
            return
        try:
            check_writable(config["results_dir"], MADE, make=not workflow.output_settings.dryrun)
        except PrunegridError as error:
            if not workflow.output_settings.dryrun:
                raise WorkflowError(str(error)) from None
            logger.warning(str(error))

    return built


if workflow.is_main_process:
    workflow._build_dag = with_writable_results(workflow._build_dag)
workflow._prepare_dag = past_damaged_records(with_own_locks(workflow._prepare_dag))

RESULTS = config["results_dir"]
PAGE = f"{RESULTS}/report.html"

if NOT_HERE:
    print("to be downloaded before a run:", *NOT_HERE, sep="\n", file=sys.stderr)


def asks_for_cells():
    """Whether a run has targets beside those that print by themselves what was asked for."""
    targets = set(workflow.dag_settings.targets)
    return not targets or not targets <= NO_CELL


def asks_for_flows():
    """Whether flows of attention are among what a run asks for."""
    targets = set(workflow.dag_settings.targets)
    return not targets or bool(targets & {"all", "flow"})


def say_first():
    """Say before a run, or in place of one, what of the study is used nowhere, and what a run replaces."""
    told = [f"used nowhere in this study: {', '.join(UNUSED)}"] if UNUSED else []
    if longer := left_out(PLAN):
        told.append(longer)
    if SET_BACK:
        file, stamp = SET_BACK[-1]
        told.append(
            f"{len(SET_BACK)} files of the results were newer than now, such as {file} "
            f"({datetime.fromtimestamp(stamp / 1e9):%Y-%m-%d %H:%M:%S}): their time stamps were set to now"
        )
    if lost := replaced(PAGE, page_record(config)):
        told.append(
            f"{PAGE} is of another study, and this one's replaces it and its tables. It has {lost}, which this "
            "study has not. To keep it, copy it first, or set a `results_dir` for this study"
        )
    if told:
        logger.info("\n".join(told), extra={"prunegrid": "first"})


if workflow.is_main_process and workflow.output_settings.dryrun and not NO_CELL & set(sys.argv):
    say_first()


# A dry run shows the plan of a study that is still to be downloaded; a run ends here.
onstart:
    if NOT_HERE:
        raise WorkflowError("not on this machine:\n" + "\n".join(NOT_HERE))
    if asks_for_cells():
        say_first()
        for handler in workflow.logger_manager.get_log_handlers():
            if log and hasattr(handler, "take_output"):
                handler.take_output(log[-1])


# What the jobs of a model have left in its stores, a marker each.
JOBS = f"{RESULTS}/{{model}}/.jobs"


def one_of(names):
    """Regular expression of exactly these names."""
    return "|".join(sorted({re.escape(str(name)) for name in names}))


wildcard_constraints:
    **{axis: one_of(getattr(cell, axis) for cell in PLAN.grid.cells) for axis in AXES},
    ratio=one_of(cell.ratio_name for cell in PLAN.grid.cells),
    bundle=r"[^/]+?-\d\d\d\d+",
    part=r"(\.\d+-of-\d+)?",


def cell_file(cell, name):
    """Path of one of a cell's files."""
    return f"{RESULTS}/{cell.folder}/{name}"


def cell_of(wildcards):
    """The cell that a path names; a path outside the grid is refused."""
    folder = CELL.format(**wildcards)
    if folder not in CELLS:
        raise WorkflowError(f"{folder} is not a cell of this configuration")
    return CELLS[folder]


def prepared_data(cells):
    """The files that a rule makes for the benchmarks of cells.

    One that is as it would be drawn now starts nothing by being newer. Others are drawn in this run, and
    Snakemake looks behind no file marked `ancient` for the jobs that this starts.
    """
    return prepared_benchmarks(dict.fromkeys(cell.benchmark for cell in cells))


def prepared_benchmarks(benchmarks):
    """The files that a rule makes for benchmarks, as `prepared_data`."""
    made = filter(PLAN.inputs.is_prepared, benchmarks)
    files = [config["benchmark_specs"][benchmark]["path"] for benchmark in made]
    return [ancient(file) if is_drawn_by(file, PLAN.keys.render_key()) else file for file in files]


def damaged_data(wildcards):
    """A file newer than a drawn benchmark that is not, or no longer, what would be drawn now."""
    file = f"resources/demo/{wildcards.benchmark}.parquet"
    damaged = Path(file).exists() and not is_drawn_by(file, PLAN.keys.render_key())
    return [newer_file()] if damaged else []


def model_spec(wildcards):
    """What the configuration says of a model, the needs of its jobs included."""
    return config["model_specs"][wildcards.model]


def more_each_attempt(need):
    """A need of a model's jobs that grows: twice as much at the first retry, three times at the second."""
    return lambda wildcards, attempt: model_spec(wildcards)[need] * attempt


def largest_need(need):
    """The largest need among the study's models."""
    return max(config["model_specs"][model][need] for model in config["models"])


def store_of(wildcards):
    """The store of a model and benchmark."""
    return PLAN.store(wildcards.model, wildcards.benchmark)


def in_store(wildcards):
    """Whether the store holds predictions and scores of a cell."""
    return is_stored(PLAN, cell_of(wildcards))


def marker_of(wildcards, name):
    """A marker of the wildcards' model."""
    return f"{JOBS.format(model=wildcards.model)}/{name}"


@cache
def newer_file():
    """A file newer than all results: a job that has it as an input runs again.

    The store is no output of a rule, so Snakemake does not see when a file of it is deleted or cut short.
    """
    file = ".snakemake/prunegrid-newer"
    # Another content each time: Snakemake compares checksums of small inputs with those of the last run.
    write_text(file, str(time.time_ns()))
    # By the clock that the results have, which may be another machine's.
    stamp = time_of(RESULTS)
    os.utime(file, ns=(stamp, stamp))
    return file


def lost(wildcards, name, keys):
    """A file newer than a marker if the stores no longer hold what it lists, or it lists too little."""
    marker = marker_of(wildcards, name)
    return [newer_file()] if has_lost(PLAN, wildcards.model, marker, keys) else []


def displaced(wildcards):
    """A file newer than a cell's published files if they are cut short or not its own."""
    return [newer_file()] if is_displaced(PLAN, cell_of(wildcards)) else []


def made_from_others(rule_name, wildcards):
    """A file newer than what a rule has made if its parameters were others then.

    Snakemake keeps them too, but makes nothing again where its record is lost or damaged.
    """
    sealed = getattr(rules, rule_name)
    seal = sealed.output.seal.format(**wildcards)
    now = {name: value(wildcards) if callable(value) else value for name, value in sealed.params.items()}
    return [newer_file()] if Path(seal).exists() and not is_made_from(seal, now) else []


def changed_since_it_was_made(wildcards):
    """A file newer than the page if it, or what it is made of, is not what was made.

    A disk that loses a bit sets no time stamp. The page is written again; the job refuses what else was changed.
    """
    made = [
        rules.build_tables,
        rules.plot_tradeoff,
        rules.plot_differences,
        rules.plot_survival,
        rules.collect_samples,
    ]
    seals = expand([one.output.seal for one in made], model=config["models"])
    seals += expand(rules.plot_speedup.output.seal, model=MEASURED)
    seals += expand(rules.plot_flow.output.seal, model=FLOWS)
    seals.append(rules.write_report.output.seal)
    there = [seal for seal in seals if Path(seal).exists()]
    return [] if are_sealed(there) else [newer_file()]


def bundle_of(wildcards):
    """The cells of a bundle."""
    return PLAN.bundles(wildcards.model)[wildcards.bundle]


def bundle_keys(wildcards):
    """The keys of a bundle's cells."""
    return [PLAN.keys.prediction_key(cell) for cell in bundle_of(wildcards)]


def bundle_code(wildcards):
    """The code that computes a bundle's cells: a job refuses to write what other code has computed."""
    cells = bundle_of(wildcards)
    codes = {PLAN.keys.prediction_key(cell): PLAN.keys.prediction_code(cell) for cell in cells}
    files = {name: planned_files(wildcards.model, name) for name in {cell.benchmark for cell in cells}}
    return {"python": python_version(), "codes": codes, "files": files}


@cache
def planned_files(model, benchmark):
    """The hashes of the files of a model and a benchmark: a job refuses to write what others have given."""
    return PLAN.keys.files_hashes(model, benchmark)


def scoring_code(wildcards):
    """The code that scores the benchmarks of a bundle."""
    benchmarks = dict.fromkeys(cell.benchmark for cell in bundle_of(wildcards))
    return {"python": python_version(), "codes": {name: PLAN.keys.scoring_code(name) for name in benchmarks}}


def flow_code(wildcards):
    """The code that measures flows of a model on a benchmark, and the code that scores the answers."""
    codes = PLAN.keys.flow_codes(wildcards.model, wildcards.benchmark)
    return {"python": python_version(), "codes": codes}


def score_keys(wildcards):
    """Benchmark -> key of the predictions -> key of the scores, of a bundle's cells."""
    keys = {}
    for cell in bundle_of(wildcards):
        keys.setdefault(cell.benchmark, {})[PLAN.keys.prediction_key(cell)] = PLAN.keys.score_key(cell)
    return keys


def model_cells(wildcards):
    """The cells of a model."""
    return [cell for cell in PLAN.grid.cells if cell.model == wildcards.model]


@cache
def described_cells(model):
    """What the tables need to know of a model's cells."""
    return [describe_cell(PLAN, cell) for cell in PLAN.grid.cells if cell.model == model]


@cache
def described_files(model):
    """What the published files of a model's cells have to be."""
    return [describe_files(PLAN, cell) for cell in PLAN.grid.cells if cell.model == model]


def measurements_of(model):
    """The measurements of a model's cells; nothing where none are measured."""
    return [f"{RESULTS}/{model}/latency.parquet"] if model in MEASURED else []


def flow_files(model):
    """What was measured of a model's flows, a file a benchmark."""
    return [f"{RESULTS}/flow/{model}/{benchmark}.parquet" for benchmark in FLOWS.get(model, [])]


def flow_keys(model):
    """Benchmark -> the key of what is measured of a model's flows."""
    return {benchmark: PLAN.keys.flow_key(model, benchmark) for benchmark in FLOWS.get(model, [])}


def measured_under(model):
    """Where the measurements of a model's cells lie, and their key; nothing where none are measured."""
    files = measurements_of(model)
    return {"path": files[0], "key": PLAN.keys.latency_key(MEASURED[model])} if files else {}


def table_options(wildcards):
    """How the tables of a model compare, and what they note."""
    return {
        **config["tables"],
        "match": config["match"],
        "toy": model_spec(wildcards)["toy"],
        **{axis: [*config[axis], *config["methods"]] for axis in ("strategies", "criteria")},
        **describe_methods(PLAN, wildcards.model),
    }


def say_end(failed):
    """End a run with what is done, where the page is, and what to type where a cell is missing.

    The logger of `profiles/` adds the jobs that failed, and the log; of others it is a message like any.
    """
    lines = []
    if asks_for_cells():
        writes = any(job.rule.name == "write_report" for job in workflow.dag.jobs)
        ask = about_this_study("status", sys.argv[1:], get_argument_parser())
        found = [f"{RESULTS}/{model}/tables/findings.json" for model in config["models"]]
        flows = [f"{RESULTS}/{model}/figures/flow.json" for model in FLOWS if asks_for_flows()]
        lines = last_lines(PLAN, PAGE if writes else None, ask, found, flows, failed=failed)
    if lines or failed:
        logger.info("\n".join(lines), extra={"prunegrid": "end"})
