"""Write findings.json and findings.md of one model."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prunegrid.files import write_text
from prunegrid.findings import of_averages, of_methods, of_table
from prunegrid.findings.cautions import cautions_of
from prunegrid.findings.found_difference import FoundDifference
from prunegrid.findings.statements import statements_of
from prunegrid.findings.words import sentence
from prunegrid.tables.build import Compared
from prunegrid.tables.limits_of_n import limits_of_n
from prunegrid.tables.markdown import escaped

FINDINGS = "findings.json"
HOW_TO_READ = (
    "Better, worse, loses and gains are said only where p < 0.05 after correction (Holm over all comparisons "
    "of that kind in the table). Best: told from every other row of its block, corrected for all pairs. "
    "Everything else cannot be told, which is not equality. Differences are in points; in brackets stand the "
    "95 % interval, not corrected, and the corrected p. An interval that leaves out 0 beside a larger "
    "corrected p is one of many."
)


def findings_of(made: Compared) -> list[FoundDifference]:
    """Return all findings of one model, with their sentences."""
    found = [one for table in made.tables for one in of_table.findings_of(table)]
    found += of_averages.findings_of(made.effects, made.tables[0].options)
    return [FoundDifference(**{**vars(one), "sentence": sentence(one)}) for one in found]


def write_findings(made: Compared, folder: str | Path) -> None:
    """Write findings.json and findings.md.

    Parameters
    ----------
    made : Compared
        What `tables.build.build_tables` returns.
    folder : path
        Where the tables are.
    """
    table, folder = made.tables[0], Path(folder)
    findings = findings_of(made)
    statements = statements_of(findings, table.options)
    numbers = {id(finding): number for number, finding in enumerate(findings)}
    content = {
        "model": table.model,
        "reference_strategy": table.options.reference_strategy,
        "reference_criterion": table.options.reference_criterion,
        "how_to_read": HOW_TO_READ,
        "warnings": cautions_of(made.tables),
        "statements": [
            {
                "topic": one.topic,
                "sentence": one.sentence,
                "shown": one.shown,
                "findings": [numbers[id(finding)] for finding in one.findings],
            }
            for one in statements
        ],
        "limits": {
            own.kind: [text for benchmark in own.benchmarks for text in limits_of_n(own, benchmark)]
            for own in made.tables
        },
        "findings": [_plain(finding) for finding in findings],
    }
    if made.methods is not None:
        content["methods"] = of_methods.sentences(made.methods, made.method_effects)
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    write_text(folder / FINDINGS, text + "\n")
    write_text(folder / "findings.md", _markdown(content))


def _plain(finding: FoundDifference) -> dict[str, Any]:
    """Return a finding for JSON, which has no NaN."""
    fields = asdict(finding)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }


def _markdown(content: dict[str, Any]) -> str:
    """Return warnings, what is said, most important first, and what the samples can tell."""

    def lines(statements: list[dict[str, Any]]) -> list[str]:
        return [f"**{escaped(one['topic'])}.** {escaped(one['sentence'])}" for one in statements]

    said = content["statements"]
    limits = [text for texts in content["limits"].values() for text in texts]
    parts = [
        ("Warnings", [escaped(text) for text in content["warnings"]]),
        ("Findings", lines([one for one in said if one["shown"]])),
        ("More findings", lines([one for one in said if not one["shown"]])),
        ("Methods", [escaped(text) for text in content.get("methods", [])]),
        ("What the samples can tell", [escaped(text) for text in dict.fromkeys(limits)]),
    ]
    text = f"# What was found: {escaped(content['model'])}\n\n{escaped(content['how_to_read'])}\n"
    for heading, items in parts:
        if items:
            text += f"\n## {heading}\n\n" + "".join(f"- {item}\n" for item in items)
    return text
