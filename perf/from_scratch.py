"""One cell as published evaluation scripts run it: a process, a model, one sample at a time, from pixels.

`python perf/from_scratch.py CELL.json` reads what to run (see `grid.from_scratch`) and writes sample
id, prediction and token depths as JSON lines. It shares nothing but the engine with the grid: samples go
through the model's own processor and `generate`.
"""

import contextlib
import json
import sys
from pathlib import Path

import torch

from prunegrid import plugins, prune
from prunegrid.predict.loading import load_model
from prunegrid.predict.prediction_rows import token_depth
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.swapped_images import SwappedImages
from prunegrid.pruning.gradients import MOST_ANSWER_TOKENS


def main(task: dict) -> None:
    """Run the cell."""
    torch.set_num_threads(task["threads"])
    loaded = load_model(task["model_path"], task["model_spec"])
    model, processor = loaded.model, loaded.processor
    adapter = plugins.load("benchmarks", task["benchmark_spec"]["adapter"])(task["benchmark_spec"])
    samples = adapter.samples()
    strategy = plugins.build("strategies", *task["strategy"])
    if strategy.swaps_images:
        samples = SwappedImages(adapter.samples, [task["seed"]]).swapped(samples, task["seed"])
    chat = PromptMaker(loaded)
    length = task["benchmark_spec"].get("max_new_tokens", adapter.max_new_tokens)
    n_layers = len(loaded.family.layers(model))
    image_id = loaded.family.image_token_id(model.config)
    context = contextlib.nullcontext()
    if strategy.has_ratio or task["strategy"][0] == "blind":
        name, options = task["criterion"] or ("first", {})
        if adapter.free_text and "answer_tokens" in plugins.describe("criteria", name)["options"]:
            options = {"answer_tokens": MOST_ANSWER_TOKENS, **options}
        criterion = plugins.build("criteria", name, options)
        context = prune(model, strategy, criterion, task["ratio"] or None, task["seed"])
    with context as pruning, torch.no_grad(), Path(task["output"]).open("w", encoding="utf-8") as output:
        for sample in samples:
            text = chat.chat_text(sample.prompt)
            inputs = processor(images=sample.image, text=text, return_tensors="pt")
            if pruning is not None:
                pruning.sample_ids = [sample.sample_id]
            sequence = model.generate(**inputs, max_new_tokens=length, do_sample=False)[0]
            new = sequence[inputs["input_ids"].shape[1] :]
            n_image = int((inputs["input_ids"] == image_id).sum())
            row = {
                "sample_id": sample.sample_id,
                "prediction": processor.tokenizer.decode(new, skip_special_tokens=True),
                "token_depth": token_depth(n_image, n_layers, pruning.kept[0] if pruning else []),
            }
            print(json.dumps(row), file=output)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
