"""The report's first section: warnings and findings in words, and what the samples can tell."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


def found(content: Mapping[str, Any]) -> str:
    """Return the section's HTML.

    Parameters
    ----------
    content : mapping
        findings.json.
    """
    said: Sequence[Mapping[str, Any]] = content["statements"]
    first = [one for one in said if one["shown"]]
    rest = [one for one in said if not one["shown"]]
    warnings = "".join(f"<li>{escape(text)}</li>" for text in content["warnings"])
    parts = [f'<div class="warning" role="note" aria-label="warnings"><ul>{warnings}</ul></div>'] * bool(
        warnings
    )
    nothing = "<p>No comparison could be made: the study has no rows to compare.</p>"
    methods = [{"topic": "Methods", "sentence": text} for text in content.get("methods", [])]
    parts.append(_listed([*methods, *first]) if methods or first else nothing)
    parts.append(f'<p class="key">{escape(content["how_to_read"])}</p>')
    if rest:
        parts.append(folded(f"{len(rest)} more findings", _listed(rest)))
    limits = "".join(
        f"<h4>{escape(kind)} table</h4><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"
        for kind, texts in content["limits"].items()
        if texts
    )
    if limits:
        parts.append(folded("What the samples can tell, and how many would tell more", limits))
    return "\n".join(parts) + "\n"


def folded(title: str, content: str, kind: str = "") -> str:
    """Return HTML that opens on a click, and in print; its class is `kind`."""
    named = f' class="{kind}"' if kind else ""
    return f"<details{named}><summary>{escape(title)}</summary>\n{content}</details>\n"


def _listed(statements: Sequence[Mapping[str, Any]]) -> str:
    lines = "".join(
        f"<li><strong>{escape(one['topic'])}.</strong> {escape(one['sentence'])}</li>" for one in statements
    )
    return f'<ul class="findings">{lines}</ul>\n'
