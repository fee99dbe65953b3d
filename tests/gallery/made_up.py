"""A small study on disk with pictures, kept tokens and hostile texts, and its section of the page."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from prunegrid.data.adapter import Sample
from prunegrid.gallery.assets import inlined
from prunegrid.gallery.samples import SampleOptions, collect
from prunegrid.gallery.section import write_section
from prunegrid.results.predictions import prediction_row, write_rows
from prunegrid.tables.options import TableOptions
from prunegrid.tables.page import page

LAYERS, TOKENS = 8, 16
# What a data set may hold, and what a page must not be broken by.
HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "</script></template></article><img src=x onerror=\"document.title='taken'\">",
    "long " * 2000,
    "\u202eright to left\u2067 \u05e9\u05dc\u05d5\u05dd",
    "nothing\x00here\x1b",
    "half of a pair \ud83d",
    "{{ $x }} \\u003c ${1} ` ' \" &amp;",
)
N = 12
METHODS = (("none", "none"), ("hierarchical", "attention"), ("hierarchical", "norm"), ("single", "attention"))
RATIOS = (0.5, 0.75)
SCHEDULES = {"none": [], "hierarchical": [[1, 0.5], [4, 0.25]], "single": [[2, 0.25]]}


def cells(folder: Path) -> list[dict[str, Any]]:
    """Return the study's cells as `describe_cell` does."""
    return [
        {
            "model": "toy",
            "benchmark": benchmark,
            "strategy": strategy,
            "criterion": criterion,
            "ratio": ratio,
            "seed": 0,
            "match": "",
            "strategy_type": strategy,
            "folder": str(folder / f"toy/{benchmark}/{strategy}/{criterion}/ratio-{ratio:.3f}/seed-0"),
        }
        for benchmark in ("asked", "captioned")
        for strategy, criterion in METHODS
        for ratio in (RATIOS if strategy != "none" else (0.0,))
    ]


def kept_by(strategy: str, criterion: str, sample: int) -> list[int]:
    """Return token depths of a sample: which stay depends on the criterion and the sample."""
    order = np.random.default_rng([len(criterion), sample]).permutation(TOKENS)
    depth = np.full(TOKENS, LAYERS)
    for layer, share in SCHEDULES[strategy]:
        depth[order[round(share * TOKENS) :]] = np.minimum(depth[order[round(share * TOKENS) :]], layer)
    return depth.tolist()


def write(folder: Path, texts: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Write predictions, scores and cells.csv; texts stand as questions and answers of the first samples."""
    found = cells(folder)
    table = []
    for number, cell in enumerate(found):
        bounded = cell["benchmark"] == "asked"
        rows, scores = [], []
        for sample in range(N):
            told = texts[sample] if sample < len(texts) else f"question {sample}"
            # Arrow holds no halves of pairs; what a model generates may.
            told = told.encode("utf-8", "replace").decode("utf-8")
            wrong = number > 0 and (sample * 7 + number) % (sample + 2) == 1
            answer = told if sample < len(texts) else ("no" if wrong else "yes")
            failed = sample == N - 1 and number == 1
            rows.append(
                prediction_row(
                    sample_id=f"s{sample}" if sample else "s/0 & <b>",
                    image_id=f"i{sample // 2}",
                    prompt=f"USER: {told}",
                    question=told if bounded else "",
                    answer="yes" if bounded else None,
                    references=None if bounded else [told, "a second caption"],
                    prediction="" if failed else answer,
                    n_image_tokens=0 if failed else TOKENS,
                    image_grids=[] if failed else [[1, 4, 4]],
                    token_depth=[] if failed else kept_by(cell["strategy"], cell["criterion"], sample),
                    status="error" if failed else "ok",
                    error="out of <memory>" if failed else None,
                )
            )
            score = (0.0 if wrong else 1.0) if bounded else 3.0 - number % 3 * wrong
            scores.append(
                {
                    "sample_id": rows[-1]["sample_id"],
                    "score": None if failed else score,
                    "parsed_answer": None if failed else f"{answer}{wrong}",
                }
            )
        metadata = {
            "schedule": SCHEDULES[cell["strategy"]],
            "n_layers": LAYERS,
            "model": {"config": {"model_type": "llava", "vision_config": {}}},
            "image_mode": "processor",
            "image_backend": "SiglipImageProcessorPil",
        }
        write_rows(Path(cell["folder"], "predictions.parquet"), rows, metadata)
        pq.write_table(pa.Table.from_pylist(scores), Path(cell["folder"], "scores.parquet"))
        metric = "accuracy" if bounded else "cider"
        Path(cell["folder"], "scores.json").write_text(json.dumps({"headline": metric}))
        mean = float(np.mean([one["score"] for one in scores if one["score"] is not None]))
        table.append(
            {name: cell[name] for name in ("model", "benchmark", "strategy", "criterion", "ratio", "seed")}
            | {"n": N, "n_error": 0, "tflops_total": 0.001 + number / 1e5, "tflops_scoring": 1e-5}
            | {"ratio_achieved": cell["ratio"], "min_image_tokens": 4.0}
            | {metric: mean, f"{metric}_low": mean - 0.1, f"{metric}_high": mean + 0.1}
        )
    pd.DataFrame(table).to_csv(folder / "cells.csv", index=False)
    return found


def adapter_of(benchmark: str) -> Any:
    """Return what stands for an adapter: every sample has a picture of its own colour, one none."""
    ids = [f"s{sample}" if sample else "s/0 & <b>" for sample in range(N)]

    def samples(positions):
        for position in positions:
            image = Image.new("RGB", (80, 60), (20 * position, 200, 255 - 20 * position))
            broken = position == 2
            yield Sample(
                ids[position],
                ids[position],
                None if broken else image,
                "",
                "",
                error="row 2: image <is> broken" if broken else None,
            )

    return SimpleNamespace(sample_ids=lambda: ids, samples=samples)


def section(folder: Path, texts: tuple[str, ...] = (), **options: Any) -> str:
    """Write a study and its section; return the section."""
    samples = collect(write(folder, texts), adapter_of, folder, TableOptions(), SampleOptions(**options))
    write_section(samples, "toy", folder / "cells.csv", folder / "samples.html")
    return (folder / "samples.html").read_text(encoding="utf-8")


def whole_page(folder: Path, texts: tuple[str, ...] = (), **options: Any) -> Path:
    """Write a study and a page with its section; return the page's file."""
    content = section(folder, texts, **options) + inlined()
    (folder / "page.html").write_text(page("made up", content), encoding="utf-8")
    return folder / "page.html"
