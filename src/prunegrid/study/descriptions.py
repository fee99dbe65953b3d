"""What the tables are told of cells, as plain values. Imports no torch."""

from pathlib import Path
from typing import Any

from prunegrid.checks.finding import CHECK
from prunegrid.study.config import plugin_of
from prunegrid.study.fingerprint import files_hash
from prunegrid.study.grid import Cell, criterion_of, draws_schedule, needs_answer
from prunegrid.study.method_specs import describe_method
from prunegrid.study.plan import Plan


def describe_cell(plan: Plan, cell: Cell) -> dict[str, Any]:
    """Return what the tables need to know of a cell (see `tables.cells.read_cells`)."""
    return {
        **vars(cell),
        "folder": str(Path(plan.config["results_dir"], cell.folder)),
        "strategy_type": plugin_of(plan.config, "strategies", cell.strategy)[0],
        "criterion_type": plugin_of(plan.config, "criteria", cell.criterion)[0],
        "needs_answer": needs_answer(plan.config, cell.criterion),
        "draws_schedule": draws_schedule(plan.config, cell.strategy),
    }


def describe_methods(plan: Plan, model: str) -> dict[str, Any]:
    """Return the options of the tables that follow from the study's methods and budgets, for a model."""
    told = {name: describe_method(plan.config, name) for name in plan.config["methods"]}
    shown = ("title", "paper", "strategy", "criterion", "differs")
    return {
        "methods": {name: {key: own[key] for key in shown} for name, own in told.items()},
        "budgets": [*plan.budgets(model).items()],
    }


def describe_names(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    """Return what the names of a study's strategies and criteria stand for, those of methods left out.

    Returns
    -------
    dict
        "strategies" and "criteria" -> of each `name`, `plugin` and `options`.
    """
    return {
        kind: [
            {"name": name, "plugin": plugin, "options": options}
            for name in plan.config[kind]
            for plugin, options in [plugin_of(plan.config, kind, name)]
        ]
        for kind in ("strategies", "criteria")
    }


def describe_check(plan: Plan, model: str) -> dict[str, Any]:
    """Return where the check of a model lies, what it has to be of, and its state: None, or a hash."""
    file = Path(plan.config["results_dir"], model, CHECK)
    state = files_hash([file]) if file.is_file() else None
    return {"file": str(file), "state": state, **plan.keys.check_keys(model)}


def describe_files(plan: Plan, cell: Cell) -> dict[str, Any]:
    """Return what a cell's published files have to be (see `results.checksums.check_cells`)."""
    return {
        "folder": str(Path(plan.config["results_dir"], cell.folder)),
        "store": str(plan.store(cell.model, cell.benchmark).folder),
        "predictions_key": plan.keys.prediction_key(cell),
        "scores_key": plan.keys.score_key(cell),
        "made_by": {
            "cell": vars(cell),
            "strategy": plugin_of(plan.config, "strategies", cell.strategy),
            "criterion": criterion_of(plan.config, cell.criterion),
            "code": plan.keys.prediction_code(cell),
        },
    }
