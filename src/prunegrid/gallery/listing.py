"""HTML of the browser of samples: its filters, a row per sample, and the answers of every cell as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from prunegrid.axis_names import BASELINE
from prunegrid.gallery.article import grouped
from prunegrid.gallery.cell_answers import prunes
from prunegrid.gallery.cell_names import label, link
from prunegrid.gallery.chosen_samples import DISAGREE
from prunegrid.gallery.samples import BenchmarkSamples, ShownSample
from prunegrid.gallery.texts import embedded_json, isolated, shown

_VERDICTS = {
    "": "any answer",
    "right": "right",
    "wrong": "wrong",
    "fell": "turned wrong (score fell)",
    "rose": "turned right (score rose)",
    "changed": "other answer than unpruned",
    "error": "error",
}
_COLUMNS = (
    "sample",
    "benchmark",
    "question",
    "gold answer",
    "unpruned answer",
    "answer of the cell",
    "distinct answers",
    "pruned cells right",
    "turned wrong",
    "turned right",
    "chosen by",
)
_SHORT = 120


def key_of(model: str, sample: ShownSample) -> str:
    """Return how links name a sample."""
    return "/".join(shown_key(part) for part in (model, sample.benchmark, sample.sample_id))


def shown_key(text: str) -> str:
    """Return a part of a link: what a page cannot hold is replaced, as it is where it is shown."""
    return quote(text.encode("utf-8", "replace"), safe="")


def controls(samples: Sequence[BenchmarkSamples], name: str) -> str:
    """Return what the browser filters by; the page's script shows it and connects it.

    Parameters
    ----------
    samples : sequence of BenchmarkSamples
    name : str
        Of the model's section, which ids begin with.
    """
    benchmarks = "".join(f"<option>{shown(own.benchmark)}</option>" for own in samples)
    verdicts = "".join(f'<option value="{value}">{said}</option>' for value, said in _VERDICTS.items())
    cells = "".join(
        f'<option value="{shown(one)}">{shown(said)}</option>' for one, said in all_cells(samples)
    )
    return (
        '<div class="controls" hidden>'
        f'<label>benchmark <select id="{name}-benchmark" data-part="benchmark">'
        f'<option value="">all</option>{benchmarks}</select></label>'
        f'<label>cell <select id="{name}-cell" data-part="cell"><option value="">any cell</option>'
        f"{cells}</select></label>"
        f'<label>its answer <select id="{name}-verdict" data-part="verdict">{verdicts}</select></label>'
        "</div>"
    )


def all_cells(samples: Iterable[BenchmarkSamples]) -> list[tuple[str, str]]:
    """Return link and name of every cell of a model, whatever the benchmark."""
    return list({link(cell): label(cell) for own in samples for cell in own.cells}.items())


def rows(samples: Iterable[BenchmarkSamples], model: str) -> str:
    """Return the table of samples."""
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    body = "".join(_row(own, sample, model) for own in samples for sample in own.shown)
    return (
        '<table class="listing"><caption>Samples that are shown</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(own: BenchmarkSamples, sample: ShownSample, model: str) -> str:
    pruned = [a for a, cell in zip(sample.answers, own.cells, strict=True) if prunes(cell)]
    unpruned = [a.text for a, c in zip(sample.answers, own.cells, strict=True) if c["strategy"] == BASELINE]
    gold = sample.gold if sample.gold is not None else " / ".join(dict.fromkeys(sample.references))
    right = str(sum(answer.right is True for answer in pruned)) if own.bounded else ""
    fields = [
        f'<a href="#sample={key_of(model, sample)}">{isolated(sample.sample_id, 40)}</a>',
        shown(sample.benchmark),
        isolated(sample.question, _SHORT),
        isolated(gold, _SHORT),
        isolated(unpruned[0] if unpruned else "", _SHORT),
        "",
        str(len(grouped(sample))),
        f"{right} of {len(pruned)}" if own.bounded else "",
        str(sum(answer.turned < 0 for answer in pruned)) if own.bounded else "",
        str(sum(answer.turned > 0 for answer in pruned)) if own.bounded else "",
        "disagreement" if sample.rule == DISAGREE else "draw",
    ]
    order = f' data-order="{right}"'
    return "<tr>{}</tr>".format(
        "".join(
            f"<td{order if name == 'pruned cells right' else ''}>{value}</td>"
            for name, value in zip(_COLUMNS, fields, strict=True)
        )
    )


def data(samples: Sequence[BenchmarkSamples], model: str) -> str:
    """Return a script element of JSON: which answer every cell gave to every sample, and how good it was."""
    places = {name: number for number, (name, _) in enumerate(all_cells(samples))}
    found = [_of_sample(own, sample, model, places) for own in samples for sample in own.shown]
    value = {"cells": list(places), "samples": found}
    return f'<script type="application/json" class="answers-of-cells">{embedded_json(value)}</script>'


def _of_sample(
    own: BenchmarkSamples, sample: ShownSample, model: str, places: dict[str, int]
) -> dict[str, Any]:
    """Return a sample's answers by cell: the number of its distinct answer, or -1; and a letter for each."""
    given, right, turned = [-1] * len(places), ["."] * len(places), ["."] * len(places)
    group_of = {number: place for place, (_, numbers) in enumerate(grouped(sample)) for number in numbers}
    for number, (answer, cell) in enumerate(zip(sample.answers, own.cells, strict=True)):
        at = places[link(cell)]
        given[at] = group_of[number]
        right[at] = "e" if answer.is_error else {True: "1", False: "0", None: "."}[answer.right]
        turned[at] = {-1: "-", 0: ".", 1: "+"}[answer.turned]
    unpruned = [group_of[n] for n, cell in enumerate(own.cells) if cell["strategy"] == BASELINE]
    return {
        "key": key_of(model, sample),
        "benchmark": sample.benchmark,
        "unpruned": unpruned[0] if unpruned else -1,
        "given": given,
        "right": "".join(right),
        "turned": "".join(turned),
    }
