"""Write envs/lock.txt: an exact version of all that pyproject.toml asks for, the newest that it allows.

    make lock

Nothing is installed: pip resolves, and reports what it would install. A line names who asks for the package,
as those of pip-compile do: `generate.py` reads from it which packages an environment needs.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HOME = Path(__file__).parents[1]
LOCK = HOME / "envs/lock.txt"
EXTRAS = "workflow,demo,slurm,dev"
# Not the newest: where a registry offers a build without CUDA, it may do so for one version.
PINS = ["torch==2.13.0"]


def resolve() -> dict[str, Any]:
    """Return pip's report of what it would install for this checkout (its format: `pip install --report`)."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    done = subprocess.run(
        [*command, "--report", "-", f"{HOME}[{EXTRAS}]", *PINS],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def lines(report: dict[str, Any]) -> list[str]:
    """Return a line `name==version  # via packages that ask for it` for each package, sorted by name.

    A build's label (`+cpu`) is left out: each machine takes the build that its registry offers.
    """
    items = {canonicalize_name(item["metadata"]["name"]): item for item in report["install"]}
    via: dict[str, set[str]] = {name: set() for name in items}
    for name, item in items.items():
        extras = ["", *item.get("requested_extras", [])]
        for requirement in map(Requirement, item["metadata"].get("requires_dist", [])):
            marker = requirement.marker
            needed = marker is None or any(
                marker.evaluate({**report["environment"], "extra": e}) for e in extras
            )
            wanted = canonicalize_name(requirement.name)
            if needed and wanted in via:
                via[wanted].add(name)
    return [
        f"{name}=={Version(items[name]['metadata']['version']).public}  # via {', '.join(sorted(via[name]))}"
        for name in sorted(items)
        if name != "prunegrid"
    ]


if __name__ == "__main__":
    header = (
        "# Written by envs/lock.py (`make lock`) from pyproject.toml.\n"
        "# The CUDA libraries of a build of torch are fixed by torch itself.\n"
    )
    LOCK.write_text(header + "".join(f"{line}\n" for line in lines(resolve())), encoding="utf-8")
