"""Names of a configuration that cannot be folders of results. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

# File systems take 255 bytes; names of jobs' files add to one what tells their kind, part and temporary copy.
_LONGEST = 180
# What lies beside the models' folders in results_dir, and beside the benchmarks' in a model's.
_TAKEN = {
    "models": ("logs", "flow", "report.html", "report.checksums.json", "compute_plan.csv", "forecast.csv"),
    "benchmarks": (
        "tables",
        "figures",
        "gallery",
        "check.json",
        "check.checksum.json",
        "latency.parquet",
        "latency.checksum.json",
    ),
    "strategies": (),
    "criteria": (),
    "methods": (),
}


def impossible_names(config: Mapping[str, Any]) -> list[str]:
    """Return, of each name that cannot be a folder of results, what is wrong with it.

    Parameters
    ----------
    config : mapping
        With the names that a study uses in lists, and `results_dir`.
    """
    found = [
        f"{axis}: {name!r} {fault}: give it another name"
        for axis, taken in _TAKEN.items()
        for name in config.get(axis, ())
        if isinstance(name, str) and (fault := _fault(name, taken))
    ]
    folder = str(config.get("results_dir", ""))
    if odd := sorted({sign for sign in folder if sign in "{}" or not sign.isprintable()}):
        signs = ", ".join(map(repr, odd))
        found.append(f"results_dir: {folder!r} has {signs}, which Snakemake cannot take in paths: rename it")
    return found


def _fault(name: str, taken: Sequence[str]) -> str:
    if not name.isprintable():
        return "has a line break or another sign that cannot be printed"
    if name.endswith("."):
        return "ends in a point, which not every file system keeps"
    if len(name.encode()) > _LONGEST:
        return f"has {len(name.encode())} characters, at most {_LONGEST} fit into names of files"
    # Some file systems tell no capitals.
    if name.lower() in taken:
        return "is what a file or folder of the results is called"
    return ""
