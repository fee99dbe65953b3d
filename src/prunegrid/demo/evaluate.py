"""Accuracy of a demo model on the five benchmarks, unpruned: `python -m prunegrid.demo.evaluate`."""

import argparse
import io
import json
import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from PIL import Image
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from prunegrid.data.prompt_texts import CAPTION, LETTERS, lettered, yes_no
from prunegrid.demo.render_benchmark import SCHEMAS, render_benchmark
from prunegrid.demo.scene import COLOURS, SHAPES

BATCH = 50
NEW_TOKENS = 40
_OBJECT = re.compile(rf"\b({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})\b")


def answer_prompts(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    images: list[Image.Image],
    texts: list[str],
) -> list[str]:
    """Return the greedy answers to prompts, one per image, through the chat template."""
    prompts = [
        processor.apply_chat_template(_conversation(text), add_generation_prompt=True) for text in texts
    ]
    answers = []
    for start in range(0, len(prompts), BATCH):
        chosen = slice(start, start + BATCH)
        inputs = processor(images=images[chosen], text=prompts[chosen], padding=True, return_tensors="pt")
        with torch.no_grad():
            # transformers' models do not fit the protocol that it types `generate` for.
            output = model.generate(**inputs, do_sample=False, max_new_tokens=NEW_TOKENS)  # type: ignore[misc]
        new = output[:, inputs["input_ids"].shape[1] :]
        answers += processor.batch_decode(new, skip_special_tokens=True)
    return answers


def _conversation(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]


def evaluate(model_path: str | Path, rows: int, seed: int = 0) -> dict[str, float]:
    """Return the score of every task on the first `rows` rows of each benchmark.

    Accuracies are exact matches. For captions it is the mean F1 of the objects named.
    """
    processor = AutoProcessor.from_pretrained(model_path)
    model = AutoModelForImageTextToText.from_pretrained(model_path).eval()
    scores = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SCHEMAS:
            path = Path(folder, f"{name}.parquet")
            render_benchmark(name, path, rows, seed)
            scores.update(_score(name, pq.read_table(path).to_pylist(), model, processor))
    return scores


def object_f1(caption: str, reference: str) -> float:
    """Return the F1 of the kinds that a caption names against those of a reference."""
    named, wanted = set(_OBJECT.findall(caption)), set(_OBJECT.findall(reference))
    return 2 * len(named & wanted) / (len(named) + len(wanted))


def _score(
    name: str, records: list[dict[str, Any]], model: LlavaForConditionalGeneration, processor: LlavaProcessor
) -> dict[str, float]:
    images = [Image.open(io.BytesIO(record["image"]["bytes"])).convert("RGB") for record in records]
    marks: dict[str, list[float]] = defaultdict(list)
    if name == "shapes-caption":
        answers = answer_prompts(model, processor, images, [CAPTION] * len(records))
        for said, record in zip(answers, records, strict=True):
            marks[name].append(object_f1(said, record["annotations_captions"][0]))
    elif name == "shapes-mcq":
        texts = [lettered(r["question"], r["choices"], r["hint"]) for r in records]
        for said, record in zip(answer_prompts(model, processor, images, texts), records, strict=True):
            right = said.strip() == LETTERS[record["answer"]]
            marks[name].append(right)
            marks[f"{name} {record['category']}"].append(right)
    else:
        texts = [yes_no(record["question"]) for record in records]
        for said, record in zip(answer_prompts(model, processor, images, texts), records, strict=True):
            right = said.strip() == record["answer"]
            marks[name].append(right)
            if "category" in record:
                marks[f"{name} {record['category']}"].append(right)
    return {key: sum(values) / len(values) for key, values in marks.items()}


def main() -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo/model")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(json.dumps(evaluate(arguments.model, arguments.rows, arguments.seed), indent=2))


if __name__ == "__main__":
    main()
