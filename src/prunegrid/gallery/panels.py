"""HTML of what survives: per comparison a column for each cell, in it a picture for each cut."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from prunegrid.axis_names import ratio_digits
from prunegrid.gallery.cell_answers import Answer
from prunegrid.gallery.cell_names import link
from prunegrid.gallery.layout import PictureLayout, View
from prunegrid.gallery.samples import BenchmarkSamples, ShownSample
from prunegrid.gallery.survivors import SideBySide, Survivors
from prunegrid.gallery.texts import isolated
from prunegrid.gallery.thumbnails import data_uri
from prunegrid.gallery.veil import veil_colour, veil_png

# Characters of an answer that stand over a column.
_SHORT = 90


def heading(comparison: SideBySide) -> str:
    """Return what a comparison shows, in words, as HTML."""
    at = f"ratio {ratio_digits(comparison.ratio)}"
    if comparison.varied == "method":
        return f"Patches that survive: methods, {at}"
    varied = {"criterion": "criteria", "strategy": "strategies"}[comparison.varied]
    other = {"criterion": "strategy", "strategy": "criterion"}[comparison.varied]
    return f"Patches that survive: {varied} with {other} <b>{escape(comparison.fixed)}</b>, {at}"


def panels(own: BenchmarkSamples, sample: ShownSample, layout: PictureLayout) -> list[str]:
    """Return the HTML of each of a sample's comparisons.

    Parameters
    ----------
    own : BenchmarkSamples
        The samples of its benchmark.
    sample : ShownSample
    layout : PictureLayout
        Its own.
    """
    colour = veil_colour(sample.image)
    answers = {link(cell): answer for cell, answer in zip(own.cells, sample.answers, strict=True)}
    return [_columns(comparison, kept, answers, layout, colour) for comparison, kept in sample.drawn]


def _columns(
    comparison: SideBySide,
    kept: Sequence[Survivors | None],
    answers: Mapping[str, Answer],
    layout: PictureLayout,
    colour: tuple[int, int, int],
) -> str:
    columns = []
    for cell, own in zip(comparison.cells, kept, strict=True):
        name = str(cell["strategy" if comparison.varied == "method" else comparison.varied])
        body = _answer(answers[link(cell)])
        if own is not None:
            body += "".join(_cut(name, layer, kept, layout, colour) for layer, kept in own.cuts)
            if own.left_out:
                body += f'<p class="cut">{own.left_out} cuts between are not drawn</p>'
        # Long names may be divided where their words are.
        words = escape(name).replace("_", "_<wbr>")
        columns.append(f"<li><h5>{words}</h5>{body}</li>")
    # Name, answer and cuts of all columns stand on common lines.
    n_lines = 2 + max((len(own.cuts) + (own.left_out > 0) for own in kept if own is not None), default=0)
    return f'<ul class="columns" style="--lines:{n_lines}">{"".join(columns)}</ul>'


def _answer(answer: Answer) -> str:
    """Return a cell's answer in a line, with a sign and a colour for right and wrong."""
    kind = {True: "right", False: "wrong", None: "plain"}[answer.right]
    sign = {True: "✓", False: "✗", None: ""}[answer.right]
    said = f'<span aria-label="{kind}">{sign}</span> ' if sign else ""
    text = "error" if answer.is_error else isolated(answer.text, _SHORT)
    return f'<p class="said {kind}">{said}{text}</p>'


def _cut(name: str, layer: int, kept: np.ndarray, layout: PictureLayout, colour: tuple[int, int, int]) -> str:
    said = f"layer {layer}: {int(kept.sum())} of {len(kept)}"
    views = "".join(
        _picture(view, kept, colour, f"{name}, before {said} image tokens kept{', overview' * view.overview}")
        for view in layout.views
    )
    return f'<div>{views}<p class="cut">{said}</p></div>'


def _picture(view: View, kept: np.ndarray, colour: tuple[int, int, int], said: str) -> str:
    """Return the picture under its veil; the page's style puts one over the other."""
    drawn = data_uri(veil_png(kept[view.numbers], colour), "png")
    lines = '<i class="tiles"></i>' if view.tiles != (1, 1) else ""
    kind = "pic overview" if view.overview else "pic"
    return f'<div class="{kind}"><img alt="{escape(said)}" src="{drawn}">{lines}</div>'
