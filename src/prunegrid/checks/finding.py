"""What a check found, step by step: as a table on the console, and as check.json. Imports no torch."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prunegrid.errors import DataError
from prunegrid.results.sealed import is_sealed, sealed_path

# Its name in the folder of a model's results.
CHECK = "check.json"
_WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """What one step found.

    Attributes
    ----------
    step : str
        Its name.
    passed : bool or None
        None: it was not run, or only reports.
    says : str
        One sentence: what was found, and where it fails.
    figures : dict
        The numbers behind it.
    seconds : float
        What it took.
    """

    step: str
    passed: bool | None
    says: str
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """`pass`, `FAIL`, or `-` where nothing is judged."""
        return {True: "pass", False: "FAIL", None: "-"}[self.passed]


@dataclass(frozen=True)
class CheckResult:
    """What all steps found on one model.

    Attributes
    ----------
    findings : sequence of Finding
        In the order of the steps.
    pace : dict
        How fast the model was; see docs/interface.md, check.json.
    about : dict
        What was checked: dtype, attn_implementation, device, and in a workflow the keys of code and weights.
    """

    findings: Sequence[Finding]
    pace: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether no step failed."""
        return all(finding.passed is not False for finding in self.findings)

    @property
    def failed(self) -> list[str]:
        """Names of the steps that failed."""
        return [finding.step for finding in self.findings if finding.passed is False]

    def __str__(self) -> str:
        width = max(len(finding.step) for finding in self.findings)
        lines = []
        for finding in self.findings:
            says = textwrap.wrap(finding.says, _WIDTH - width - 8) or [""]
            lines.append(f"{finding.step:{width}}  {finding.verdict:4}  {says[0]}")
            lines += [f"{'':{width}}        {line}" for line in says[1:]]
        return "\n".join(lines)

    def write(self, path: str | Path) -> None:
        """Write check.json, its checksum first."""
        content = {**self.about, "passed": self.passed, "steps": [asdict(one) for one in self.findings]}
        with sealed_path(path) as temporary:
            temporary.write_text(json.dumps({**content, "pace": self.pace}, indent=2), encoding="utf-8")


def read_check(path: str | Path) -> dict[str, Any] | None:
    """Return the content of a check.json, None if there is none.

    Raises
    ------
    DataError
        If it is something else, or was changed since.
    """
    remedy = f"delete {path} and run again, or check again (`snakemake --cores 1 check`)"
    try:
        content: dict[str, Any] = json.loads(Path(path).read_bytes())
        if not {"passed", "steps"} <= set(content):
            raise KeyError("passed, steps")
        for step in content["steps"]:
            Finding(**step)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is no check.json ({error!r}): {remedy}") from error
    if not is_sealed(path):
        raise DataError(f"{path} was changed after the check: {remedy}")
    return content
