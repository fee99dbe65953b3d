"""A small study on disk: predictions whose quality falls with the ratio, as a run would leave them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LAYERS = 12
TOKENS = 64
QUALITY = {"attention": 0.05, "attention_shallow": 0.1, "norm": 0.25, "random": 0.2, "gradient": 0.02}
DAMAGE = {"hierarchical": 0.1, "uniform": 0.35, "random": 0.4, "single": 0.3, "exit": 0.2}
SCHEMA = pa.schema(
    [
        *[(name, pa.string()) for name in ("sample_id", "image_id", "prompt", "question")],
        ("choices", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("references", pa.list_(pa.string())),
        ("prediction", pa.string()),
        *[(name, pa.int32()) for name in ("n_image_tokens", "n_text_tokens", "n_generated")],
        ("token_depth", pa.list_(pa.int16())),
        ("first_token_id", pa.int32()),
        ("first_topk", pa.list_(pa.struct([("id", pa.int32()), ("logit", pa.float32())]))),
        ("choice_logits", pa.list_(pa.float32())),
        ("status", pa.string()),
        ("error", pa.string()),
    ]
)
SCORERS = {"easy": "vqa", "presence": "pope", "letters": "scienceqa", "words": "caption"}


def grid(
    folder: Path,
    n: int,
    benchmarks: list[str],
    ratios: list[float],
    seeds: list[int],
    leave_out: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Write predictions of a grid and return its cells as the workflow describes them."""
    cells = []
    for benchmark in benchmarks:
        for strategy, criterion, ratio, seed in _axes(ratios, seeds):
            if {strategy, criterion} & set(leave_out):
                continue
            path = folder / f"demo/{benchmark}/{strategy}/{criterion}/ratio-{ratio:.3f}/seed-{seed}"
            accuracy = _accuracy(strategy, criterion, ratio)
            write(
                path / "predictions.parquet",
                predictions(benchmark, n, accuracy, _seed(strategy, criterion, ratio, seed)),
            )
            cells.append(
                {
                    "model": "demo",
                    "benchmark": benchmark,
                    "strategy": strategy,
                    "criterion": criterion,
                    "ratio": ratio,
                    "seed": seed,
                    "folder": str(path),
                    "needs_answer": criterion == "gradient",
                    "pruned": strategy not in ("none", "mismatched"),
                    "strategy_type": strategy,
                    "criterion_type": criterion,
                }
            )
    return cells


def _axes(ratios: list[float], seeds: list[int]) -> Iterator[tuple[str, str, float, int]]:
    yield "none", "none", 0.0, 0
    for strategy in DAMAGE:
        for criterion in ["none"] if strategy == "exit" else QUALITY:
            for ratio in ratios:
                drawn = strategy == "random" or criterion == "random"
                yield from ((strategy, criterion, ratio, seed) for seed in (seeds if drawn else [0]))
    yield "blind", "none", 0.0, 0
    for seed in seeds:
        yield "mismatched", "none", 0.0, seed


def _accuracy(strategy: str, criterion: str, ratio: float) -> float:
    if strategy in ("blind", "mismatched"):
        return 0.45
    return 0.92 - ratio * (DAMAGE.get(strategy, 0.0) + QUALITY.get(criterion, 0.0))


def _seed(*axes: object) -> int:
    return int.from_bytes(json.dumps(axes).encode()[-6:], "big")


def predictions(benchmark: str, n: int, accuracy: float, seed: int) -> list[dict[str, Any]]:
    """Return rows of predictions.parquet; two questions per image, one error row in a hundred."""
    world, luck = np.random.default_rng(1), np.random.default_rng(seed)
    # What is hard for one cell is hard for all: pairs are correlated.
    difficulty = world.random(n)
    rows = []
    for i in range(n):
        right = 0.7 * difficulty[i] + 0.3 * luck.random() < accuracy
        broken = luck.random() < 0.01
        rows.append(
            {
                "sample_id": f"s{i:04d}",
                "image_id": f"image-{i // 2:04d}",
                "prompt": "USER: <image>\nquestion ASSISTANT:",
                "question": "What is <b>it</b>?",
                "n_image_tokens": TOKENS,
                "n_text_tokens": 30,
                "n_generated": 1,
                "token_depth": [LAYERS] * TOKENS,
                "first_token_id": 5,
                "first_topk": [{"id": k, "logit": 1.0 - k} for k in range(5)],
                "status": "error" if broken else "ok",
                "error": "no text after the image" if broken else None,
                **_task(benchmark, i, right, broken, world),
            }
        )
    return rows


def _task(benchmark: str, i: int, right: bool, broken: bool, world: np.random.Generator) -> dict[str, Any]:
    gold = int(world.integers(0, 2))
    row: dict[str, Any] = {"choices": None, "references": None, "choice_logits": None}
    if benchmark == "presence":
        names = ("yes", "no")
        row |= {
            "sample_id": f"{('adversarial', 'popular', 'random')[i % 3]}/{i}",
            "answer": names[gold],
            "prediction": names[gold if right else 1 - gold].capitalize(),
            "choice_logits": [1.0 - gold, float(gold)],
        }
    elif benchmark == "letters":
        row |= {
            "choices": ["dog", "cat"],
            "answer": "AB"[gold],
            "prediction": "AB"[gold if right else 1 - gold],
        }
    elif benchmark == "words":
        colour, shape = ("red", "blue")[gold], ("square", "circle", "star")[i % 3]
        said = f"a {colour} {shape} on grass" if right else "a thing on a thing"
        row |= {
            "answer": None,
            "references": [f"a {colour} {shape} on green grass", f"there is a {colour} {shape}"],
            "prediction": said,
            "image_id": f"image-{i:04d}",
        }
    else:
        row |= {"answer": ("red", "blue")[gold], "prediction": ("red", "blue")[gold if right else 1 - gold]}
    return row | ({"prediction": None} if broken else {})


def write(path: Path, rows: list[dict[str, Any]], metadata: dict[str, Any] | None = None) -> None:
    """Write rows in the schema of predictions.parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = metadata or {
        "versions": {"torch": "2.13.0", "transformers": "5.23.0"},
        "device": "cpu",
        "dtype": "float32",
        "n_layers": LAYERS,
        "schedule": [[2, 0.5]],
    }
    table = pa.Table.from_pylist(rows, SCHEMA).replace_schema_metadata({"prunegrid": json.dumps(content)})
    pq.write_table(table, path)


def ledger(cell: dict[str, Any]) -> dict[str, float]:
    """Return a made-up compute block for a cell."""
    kept = {"blind": 0.0}.get(cell["strategy"], 1 - cell["ratio"])
    gradient = 3.0e-4 if cell["needs_answer"] else 0.0
    return {
        "tflops_published": 1.2e-4 * kept,
        "tflops_prefill": 3e-4 * kept + 4e-5,
        "tflops_vision": 1e-4,
        "tflops_scoring": gradient,
        "tflops_decode": 1e-6,
        "tflops_total": 3e-4 * kept + 1.4e-4 + gradient,
        "ratio_requested": cell["ratio"],
        "ratio_achieved": cell["ratio"] + (0.002 if cell["ratio"] else 0.0),
        "mean_image_tokens": TOKENS * kept,
        "min_image_tokens": {"blind": 0.0, "exit": 0.0}.get(
            cell["strategy"], 3.0 if cell["ratio"] > 0.8 else 20.0
        ),
    }
