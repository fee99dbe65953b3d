"""The page's section on samples, as one file per model: gallery, browser, table of all cells."""

import logging
from collections.abc import Sequence
from pathlib import Path

from prunegrid.files import write_text
from prunegrid.gallery.article import article, style
from prunegrid.gallery.cells_table import cells_table
from prunegrid.gallery.drawings import drawings
from prunegrid.gallery.listing import controls, data, key_of, rows
from prunegrid.gallery.samples import BenchmarkSamples
from prunegrid.gallery.texts import shown

_LOG = logging.getLogger(__name__)
_READING = """
<p>A patch under the veil has lost its image token: it was dropped by that cut or an earlier one. Each
column is a cell with its answer, each picture in it a cut: <em>layer 2: 10 of 64</em> means that 10 of 64
image tokens are left before decoder layer 2, counted from 0. On two thirds of the samples the pruned cells
disagree most (largest variance of the score); the others were drawn at random, so that ordinary ones are
seen. No percentage should be read from these samples: the tables count all of them.</p>
"""


def write_section(
    samples: Sequence[BenchmarkSamples], model: str, cells: str | Path, path: str | Path
) -> None:
    """Write the section of one model.

    Parameters
    ----------
    samples : sequence of BenchmarkSamples
        Of each benchmark.
    model : str
        Its name.
    cells : path
        Its cells.csv.
    path : path
        The file: HTML without a page around it; `assets.inlined` is to be on the same page once.
    """
    everything = [(own, sample) for own in samples for sample in own.shown]
    all_drawn, left_out = drawings(everything)
    gallery, others = [], []
    for (own, sample), drawn in zip(everything, all_drawn, strict=True):
        kind = "sample fine" if drawn.fine else "sample"
        opening = f'class="{kind}" data-key="{key_of(model, sample)}" style="{style(sample, drawn)}"'
        content = article(own, sample, drawn)
        if sample.in_gallery:
            gallery.append(f"<article {opening}>\n{content}</article>\n")
        else:
            others.append(f"<template><article {opening}>\n{content}</article></template>\n")
    name = "samples-" + "".join(letter if letter.isalnum() else "-" for letter in model)
    counts = "; ".join(f"{shown(own.benchmark)}: {len(own.shown)} of {own.n_samples}" for own in samples)
    metrics = {own.benchmark: own.metric for own in samples}
    html = (
        f'<div class="samples" id="{name}">\n{_READING}'
        f"<p>{len(gallery)} samples stand here, {len(everything)} in the browser below ({counts}). "
        f"{left_out}</p>\n"
        '<p class="paper">Left out in print: the browser of samples and the table of all cells, which is in '
        f"{shown(model)}/tables/{Path(cells).name}.</p>\n"
        f'<div class="gallery">\n{"".join(gallery)}</div>\n'
        f'<div class="browser"><h3>Browser of samples</h3>\n'
        "<p>Choose a cell to see its answers, and a sample to see its picture. With a sample open, the arrow "
        "keys left and right go through the rows that the filters leave, and Escape closes it.</p>\n"
        '<noscript><p class="warning">Filters and further samples need JavaScript, which is in this file.</p>'
        f"</noscript>\n{controls(samples, name)}\n{rows(samples, model)}\n"
        '<div class="viewer" role="region" aria-label="Opened sample" hidden></div>\n'
        f"{''.join(others)}{data(samples, model)}</div>\n"
        f'<div class="all-cells"><h3>All cells</h3>\n<div class="controls" hidden></div>\n'
        f"{cells_table(cells, metrics)}</div>\n</div>\n"
    )
    write_text(path, html)
    _LOG.info(f"{len(everything)} samples of {len(samples)} benchmarks, {len(html) / 1e6:.1f} MB")
