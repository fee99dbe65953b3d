"""The report's section on whether a model was checked, and whether the check still holds."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from prunegrid.checks.finding import Finding, read_check
from prunegrid.results.predictions import read_metadata_if_any

_HOW = "<code>snakemake --cores 1 check</code>"


def checked(check: Mapping[str, Any], predictions: str | Path | None = None) -> str:
    """Return the section's HTML.

    Parameters
    ----------
    check : mapping
        `file`: where check.json lies, if anywhere; `code`, `weights`: what it has to be of.
    predictions : path, optional
        A predictions.parquet of the study, whose metadata tells dtype and device.
    """
    found = read_check(check["file"])
    if found is None:
        return (
            "<p>No check of this model was run here: it compares pruned passes with slow ones, layer by "
            f"layer, on the machine that it is run on. To run it: {_HOW}</p>\n"
        )
    told = [f"the check is of other {what}" for what in _differing(found, check, predictions)]
    if not found["passed"]:
        told.append("the check failed")
    warning = f'<p class="warning">{escape("; ".join(told))}: {_HOW}</p>\n' if told else ""
    device = found.get("device", {})
    facts = [found.get("dtype"), found.get("attn_implementation"), device.get("name")]
    said = f"<p>Checked in {escape(', '.join(str(fact) for fact in facts if fact))}.</p>\n" if device else ""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.step)}</th><td>{one.verdict}</td><td>{escape(one.says)}</td></tr>'
        for one in (Finding(**step) for step in found["steps"])
    )
    return f'{warning}{said}<div class="facts"><table><tbody>{rows}</tbody></table></div>\n'


def _differing(
    found: Mapping[str, Any], check: Mapping[str, Any], predictions: str | Path | None
) -> list[str]:
    """Return what a check is not of: code, weights, dtype, attention or device of the study."""
    names = [name for name in ("code", "weights") if found.get(name) != check[name]]
    if predictions is None or "device" not in found:
        return names
    metadata = read_metadata_if_any(predictions)
    for name, called in (("dtype", "dtype"), ("attn_implementation", "attention")):
        if name in metadata and metadata[name] != found.get(name):
            names.append(called)
    devices = {device["name"] for device in metadata.get("devices", ())}
    same = not devices or devices == {found["device"]["name"]}
    return names if same else [*names, "device"]
