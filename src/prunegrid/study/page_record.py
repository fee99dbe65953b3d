"""What study a page is of: written into the page, so that another study does not replace it in silence."""

import hashlib
import json
import re
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

from prunegrid.study.config import all_ratios, matchings, plugin_of
from prunegrid.study.method_specs import criteria_of

_NAME = "prunegrid-study"
_META = re.compile(rf'<meta name="{_NAME}" content="([^"]*)">')
# A page begins with its head.
_HEAD_BYTES = 65_536
# Of a model or a benchmark, what does not change its numbers, or only how they are made.
_OF_JOBS = ("batch_size", "gpus", "jobs_per_bundle", "mem_mb", "runtime", "toy")


def page_record(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells one study from another: axis -> name -> hash of what the name stands for.

    Parameters
    ----------
    config : mapping
        Validated.
    """
    models, benchmarks = config["model_specs"], config["benchmark_specs"]
    meant: dict[str, dict[str, Any]] = {
        "models": {name: _without_jobs(models[name]) for name in config["models"]},
        "benchmarks": {name: _without_jobs(benchmarks[name]) for name in config["benchmarks"]},
        **{
            axis: {name: plugin_of(config, axis, name) for name in config[axis]}
            for axis in ("strategies", "criteria")
        },
        "methods": {
            name: [
                plugin_of(config, "strategies", name),
                *(plugin_of(config, "criteria", own) for own in criteria_of(config, name)),
            ]
            for name in config["methods"]
        },
        "ratios": {str(value): None for value in all_ratios(config)},
        **{axis: {str(value): None for value in config[axis]} for axis in ("tokens", "seeds")},
        "match": dict.fromkeys(matchings(config)),
    }
    return {axis: {name: _hash(value) for name, value in names.items()} for axis, names in meant.items()}


def as_meta(record: Mapping[str, Any]) -> str:
    """Return the element of a page's head that holds a record."""
    return f'<meta name="{_NAME}" content="{escape(json.dumps(record))}">\n'


def replaced(page: str | Path, record: Mapping[str, Any]) -> str:
    """Return what a page shows that a study does not have; empty where its own page has all of it.

    Parameters
    ----------
    page : path
        It may be missing, or have no record.
    record : mapping
        The study's.
    """
    try:
        with Path(page).open("rb") as file:
            found = _META.search(file.read(_HEAD_BYTES).decode("utf-8", errors="replace"))
        before = json.loads(unescape(found.group(1))) if found else {}
    except (OSError, ValueError):
        return ""
    lost = []
    for axis, names in before.items() if isinstance(before, dict) else ():
        now = record.get(axis, {})
        if not isinstance(names, dict):
            continue
        gone = [name for name in names if name not in now]
        other = [name for name in names if name in now and names[name] != now[name]]
        said = [*gone, *(f"{name} with other settings" for name in other)]
        if said:
            lost.append(f"{axis} {', '.join(said)}")
    return "; ".join(lost)


def _without_jobs(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in _OF_JOBS}


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
