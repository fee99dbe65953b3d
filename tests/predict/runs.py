"""Samples of the demo's drawings, cells, and their rows."""

from pathlib import Path

import numpy as np
from PIL import Image

from prunegrid.data.adapter import Sample
from prunegrid.data.prompt_texts import yes_no
from prunegrid.demo.drawing import render
from prunegrid.demo.scene import named_rng, sample_scene
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.requests import CellRun

MODEL = Path(__file__).parents[2] / "demo/model"


def make_samples(n):
    """Return yes-no questions, two of each picture, some longer than others."""
    found = []
    for index in range(n):
        rng = named_rng("test predict", 0, index // 2)
        scene = sample_scene(rng)
        image = Image.fromarray(np.asarray(render(scene, rng)))
        question = f"Is there a {scene.kinds[index % 2]} in the image?" + " Really?" * (index % 3)
        found.append(
            Sample(f"random/{index}", f"image {index // 2}", image, yes_no(question), question, answer="yes")
        )
    return found


def cell(strategy="hierarchical", criterion="attention", ratio=0.5, seed=0, **options):
    """Return a cell to run."""
    return CellRun(
        "key",
        "code",
        "label",
        {"ratio": ratio, "seed": seed},
        (strategy, options),
        (criterion, {}) if criterion else None,
    )


def run(loaded, adapter, samples, some_cell, batch_size=4, **more):
    """Return the rows of one cell."""
    prompts = PromptMaker(loaded).prompts(samples)
    ((rows, _),) = predict_prompts(
        loaded, adapter, prompts, [some_cell], batch_size=batch_size, max_new_tokens=3, **more
    )
    return rows


def assert_same(rows, others, tolerance):
    """Compare rows: all columns exactly, logits but for rounding."""
    for row, other in zip(rows, others, strict=True):
        for name in row:
            if name == "first_topk":
                assert [one["id"] for one in row[name]] == [one["id"] for one in other[name]]
                logits, wanted = ([one["logit"] for one in r[name]] for r in (row, other))
                np.testing.assert_allclose(logits, wanted, atol=tolerance, rtol=0)
            elif name == "choice_logits" and row[name] is not None:
                np.testing.assert_allclose(row[name], other[name], atol=tolerance, rtol=0)
            else:
                assert row[name] == other[name], name


def reading(samples, read=None):
    """Return what reads samples as an adapter does, and notes what it was asked for."""

    def samples_at(positions):
        if read is not None:
            read.append(positions)
        return samples if positions is None else [samples[position] for position in positions]

    return samples_at
