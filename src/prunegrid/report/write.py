"""Write results/report.html: findings, tables, figures and versions of a study in one file."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from prunegrid.errors import DataError
from prunegrid.files import write_text
from prunegrid.findings.words import joined
from prunegrid.findings.write_findings import FINDINGS
from prunegrid.gallery.assets import inlined
from prunegrid.report import speed_texts
from prunegrid.report.checked import checked
from prunegrid.report.compact import compact
from prunegrid.report.compact_methods import compact_methods
from prunegrid.report.first_blocks import first_blocks
from prunegrid.report.found import folded, found
from prunegrid.report.lead import lead
from prunegrid.report.setting import setting
from prunegrid.report.side_by_side import side_by_side
from prunegrid.report.versions import plain_table, versions
from prunegrid.results.measurements import read_measurements
from prunegrid.study.page_record import as_meta
from prunegrid.tables.page import content_of, page

_LOG = logging.getLogger(__name__)
_QUESTIONS = {
    "strategy": "Where and how much: strategies",
    "criterion": "Which tokens: criteria",
}
_METHODS = (
    "Published methods by name (FastV, PyramidDrop, VisionZip, DivPrune and others), at budgets as papers "
    "write them and also upside down, are a study of their own: <code>snakemake --cores 2 --configfile "
    "config/methods.yaml</code>."
)
_SIDE_BY_SIDE = "Models side by side"
_DIFFERENCES = (
    "Paired differences to the reference, on the same samples. Bars are 95 % intervals, not corrected; a "
    "point is filled where p < 0.05 after Holm over the whole table; an arrow is an interval that goes on."
)
_INTERVALS = "Bars are 95 % intervals."
_BARS = (
    "Bars are 95 % intervals; total compute includes what the criterion itself costs. The dotted line is the "
    "Pareto front of the points: nothing shown scores more for as little, but for what needs the unpruned "
    "model's own answer. It knows of no interval. The unpruned model, at 100 %, and the floor may lie "
    "outside; right of a dashed line stands what costs far more, and its tick says how much."
)
_SCHEDULES = (
    "Share of the N image tokens in each decoder layer. Thin lines are further schedules that a strategy "
    "drew. The area above a line is its ratio."
)
_AGREEMENT = {
    "strategy": "Share of samples answered as by the unpruned model, right or wrong: strategies.",
    "criterion": "Share of samples answered as by the unpruned model, right or wrong: criteria.",
}
_OVERLAP = (
    "Of the tokens that the criterion of a line keeps, those that the criterion of a column keeps too, in %: "
    "mean over samples, then over benchmarks; the first seed of what is drawn. Near the share that stays, "
    "they choose as if at random from one another; below it, they avoid what the other keeps."
)
_FLOW = (
    "Above: the share of attention that text after the first image token, and image tokens, give to "
    "image tokens, mean of heads and samples; thin lines are benchmarks. Below: how the score changes where "
    "that is hidden, in a window of layers on the left, from a layer on to the last on the right. Bars are "
    "95 % intervals, not corrected; a mark is filled where p < 0.05 after Holm over all of them. The dotted "
    "line is the margin of the suggestion; dashed ones are the suggested cuts."
)
_SURVIVAL = (
    "Share of samples, over all benchmarks and seeds, in which each patch is still present after a cut of "
    "the reference strategy: the scale below the maps has steps of the square root, so that few survivors "
    "are seen, too. The cross is the survivors' mean place: a criterion that prefers no place has it in the "
    "middle, at row 0.5 and column 0.5. The means of every cell are in cells.csv."
)
# Class of what no sheet of paper shows.
_SCREEN = "screen"
# Points: a wider figure, shrunk to a phone, has letters of less than 9 px.
_FITS_A_PHONE = 380
_READING = """
<ul class="plain">
<li><strong>value</strong> is the benchmark's own metric with its 95 % interval.</li>
<li><strong>to unpruned</strong>, <strong>to reference strategy</strong> (with the same criterion) and
<strong>to reference criterion</strong> (with the same strategy) are paired differences, on the same
samples, each with its interval and p. A star survives the correction for all differences of the table; a ring
says that a loss larger than the margin is excluded. No star is <em>not</em> evidence of no loss.</li>
<li><strong>gain kept</strong> is the share of what the image is worth (unpruned minus blind) that is
left.</li>
<li>Grey rows are not ranked: the unpruned model, the model without image tokens (<em>blind</em>), and the
model that sees another image (<em>mismatched</em>).</li>
</ul>
"""


def write_report(
    models: Sequence[Mapping[str, Any]],
    path: str | Path,
    title: str = "prunegrid report",
    study: Mapping[str, Any] | None = None,
) -> None:
    """Write the report.

    Parameters
    ----------
    models : sequence of mappings
        Per model: `name`; `tables`, folder of its tables and findings.json; `figures`, folder; `methods`,
        optional, whether it has a methods table; `names`, optional, what its strategies and criteria are, see
        `study.descriptions.describe_names`; `measurements`, optional, its latency.parquet; `flow`, optional,
        flow.json of `report.flow_figure.plot_flow`; `metadata`, optional, benchmark -> a predictions.parquet
        whose metadata tells data, versions and devices; `check`, optional, see `report.checked.checked`;
        `samples`, optional, the file of `gallery.section.write_section`.
    path : path
        The page to write.
    title : str
        Its heading.
    study : mapping, optional
        What the page is of, see `study.page_record.page_record`: a page that another study finds.
    """
    if not models:
        raise DataError(f"{path}: a report needs at least one model")
    links, parts = [], []
    said = [_read_findings(Path(model["tables"])) for model in models]
    sections = [(model, number, "Findings", found(said[number])) for number, model in enumerate(models)]
    if len(models) > 1 and _asked(models[0]):
        sections.append((models[0], 0, _SIDE_BY_SIDE, side_by_side(models)))
    for number, model in enumerate(models):
        sections += [(model, number, heading, content) for heading, content in _sections(model, said[number])]
    for place, (model, number, heading, content) in enumerate(sections):
        anchor = f"m{number}-{place}"
        own = len(models) > 1 and heading != _SIDE_BY_SIDE
        full = f"{model['name']}: {heading}" if own else heading
        links.append(f'<a href="#{anchor}">{escape(full)}</a>')
        parts.append(
            f'<section id="{anchor}" aria-labelledby="{anchor}-h"><h2 id="{anchor}-h">{escape(full)}</h2>\n'
            f"{content}</section>\n"
        )
    if any(model.get("samples") for model in models):
        parts.append(inlined())
    content = f'{lead(models)}<nav aria-label="sections">{"".join(links)}</nav>\n{"".join(parts)}'
    write_text(path, page(title, content, as_meta(study) if study else ""))
    _LOG.info(f"open {path}")


def _read_findings(tables: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((tables / FINDINGS).read_text(encoding="utf-8"))
    return content


def _sections(model: Mapping[str, Any], said: Mapping[str, Any]) -> list[tuple[str, str]]:
    tables, figures = Path(model["tables"]), Path(model["figures"])
    cells = pd.read_csv(tables / "cells.csv", keep_default_na=False)
    asked = _asked(model)
    sections = []
    if asked:
        sections += [
            (heading, _question(kind, said, tables, figures)) for kind, heading in _QUESTIONS.items()
        ]
        averages = content_of((tables / "main_effects.html").read_text(encoding="utf-8"))
        more = "" if model.get("methods") else f"<p>{_METHODS}</p>\n"
        sections.append(("On average: performance kept", f'<div class="few">{averages}</div>\n{more}'))
    if model.get("methods"):
        sections.insert(0, ("Methods as published", compact_methods(tables)))
    if model.get("samples"):
        shown = Path(model["samples"]).read_text(encoding="utf-8")
        sections.append(("Samples: what survived, what was answered", shown))
    kinds = [*(["methods"] if model.get("methods") else []), *(_QUESTIONS if asked else ())]
    details = [folded(f"The {kind} table in full", _full(tables, kind), _SCREEN) for kind in kinds]
    agreeing = "".join(
        _figure(figures / f"agreement-{kind}.svg", f"{text} {_INTERVALS}")
        for kind, text in _AGREEMENT.items()
        if asked
    )
    changes = (
        f'<div class="figures">{agreeing}</div>\n<div class="{_SCREEN}">{_full(tables, "changes")}</div>\n'
    )
    details.append(folded("What pruning changed: answers, certainty", changes))
    files = ", ".join(f"{tables.parent.name}/{tables.name}/{kind}.csv" for kind in (*kinds, "changes"))
    left_out = f"Left out in print, as no sheet holds them: the full tables. They are in {files}."
    paper = f'<p class="paper">{escape(left_out)}</p>\n'
    details.insert(0, f"{paper}{folded('How to read them', _READING)}")
    sections.append(("The tables in full", "".join(details)))
    surviving = _figure(figures / "survival.svg", _SURVIVAL, ("map",))
    common = _figure(figures / "overlap.svg", _OVERLAP) if asked else ""
    sections.append(
        ("Where in the picture: surviving patches", f'<div class="figures">{surviving}{common}</div>\n')
    )
    if model.get("flow"):
        sections.append(("Information flow", _flow(Path(model["flow"]))))
    if model.get("names"):
        drawn = _figure(figures / "schedules.svg", _SCHEDULES) if asked else ""
        sections.append(
            (
                "What was run: schedules, formulas, papers",
                drawn + setting(model["names"], figures / "schedules.csv"),
            )
        )
    if model.get("measurements"):
        drawn = _figure(figures / "speedup.svg", speed_texts.CAPTION)
        sections.append(("How fast: measured time", drawn + _measured(tables, model["measurements"])))
    sections.append(("Samples and errors", _samples(cells)))
    if model.get("check"):
        predictions = next(iter((model.get("metadata") or {}).values()), None)
        sections.append(("Checked where it ran", checked(model["check"], predictions)))
    if model.get("metadata"):
        sections.append(("Versions", versions(model["metadata"])))
    return sections


def _asked(model: Mapping[str, Any]) -> bool:
    """Whether the study asks the grid's questions: one of methods alone does not."""
    return not model.get("methods") or bool(first_blocks(Path(model["tables"]), "criterion", "").budgets)


def _question(kind: str, said: Mapping[str, Any], tables: Path, figures: Path) -> str:
    """Return what answers a question: a compact table, differences, and score against cost."""
    strategy, criterion = said["reference_strategy"], said["reference_criterion"]
    reference, other = (strategy, criterion) if kind == "strategy" else (criterion, strategy)
    blocks = first_blocks(tables, kind, other)
    table = compact(blocks, reference, said["findings"])
    drawn = _figure(figures / f"differences-{kind}.svg", _DIFFERENCES)
    shown = f"Score against cost: each {kind} with {blocks.other} {blocks.fixed}."
    cost = _figure(figures / f"{kind}.svg", f"{shown} {_BARS}")
    return f'{table}<div class="figures">{drawn}{cost}</div>\n'


def _flow(file: Path) -> str:
    """Return the figure of flows, which layers they suggest for two cuts, and why."""
    told = json.loads(file.read_text(encoding="utf-8"))
    reasons = "".join(f"<li>{escape(text)}</li>" for text in told["reasons"])
    samples = joined([f"{n} samples of {name}" for name, n in told["samples"].items()])
    drawn = _figure(file.with_suffix(".svg"), f"{_FLOW} Of the first {samples}.")
    sentence = escape(told["sentence"])
    return f"<p><strong>{sentence[:1].upper()}{sentence[1:]}.</strong></p><ul>{reasons}</ul>{drawn}\n"


def _full(tables: Path, kind: str) -> str:
    return content_of((tables / f"{kind}.html").read_text(encoding="utf-8"))


def _measured(tables: Path, file: str | Path) -> str:
    """Return what was measured, on what, and a table of the cells."""
    rows, (_, metadata) = pd.read_csv(tables / "cells.csv"), read_measurements(file)
    says = "".join(f"<p>{escape(text)}</p>" for text in speed_texts.sentences(rows, metadata))
    names, *lines = speed_texts.table(rows)
    device = plain_table(["what", "value"], speed_texts.facts(metadata))
    cells = plain_table(names, lines, scrolls="measured cells")
    return f"{says}\n{cells}<h3>What it was measured on</h3>\n{device}"


def _figure(path: Path, caption: str, classes: Sequence[str] = ()) -> str:
    """Inline an SVG file, without its XML declaration and document type; the style sheet knows `classes`."""
    text = path.read_text(encoding="utf-8")
    drawing = text[text.index("<svg") :]
    # Two drawings on one page share one space of ids.
    drawing = _own_ids(drawing, path.stem + "-" + path.parents[1].name)
    label = f'<svg role="img" aria-label="{escape(caption.partition(".")[0])}" '
    drawing = drawing.replace("<svg ", label, 1)
    width = re.search(r'<svg [^>]*?width="([\d.]+)pt"', drawing)
    classes = [*classes, *(["wide"] if width and float(width[1]) > _FITS_A_PHONE else [])]
    named = f' class="{" ".join(classes)}"' if classes else ""
    return f"<figure{named}><div>{drawing}</div><figcaption>{escape(caption)}</figcaption></figure>\n"


def _own_ids(drawing: str, prefix: str) -> str:
    prefix = "".join(c if c.isalnum() else "-" for c in prefix)
    for before in (' id="', 'href="#', "url(#"):
        drawing = drawing.replace(before, f"{before}{prefix}-")
    return drawing


def _samples(cells: pd.DataFrame) -> str:
    by_benchmark = cells.groupby("benchmark", sort=False).agg(
        cells=("n", "size"),
        samples=("n", "max"),
        fewest=("n", "min"),
        errors=("n_error", "sum"),
        worst=("n_error", "max"),
    )
    names = [
        "benchmark",
        "cells",
        "samples per cell",
        "fewest",
        "errors in all cells",
        "most errors in a cell",
    ]
    rows = [
        [name, *map(str, row)] for name, row in zip(by_benchmark.index, by_benchmark.to_numpy(), strict=True)
    ]
    return plain_table(names, rows)
