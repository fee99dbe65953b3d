"""Run cells: per-sample predictions of one model on one benchmark, written in shards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from pyarrow import compute as pc
from pyarrow import parquet
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from prunegrid import plugins
from prunegrid.errors import DataError, PrunegridError
from prunegrid.inputs import Batch, Prompt, PromptMaker, collate
from prunegrid.loading import LoadedModel, load_model
from prunegrid.mismatch import ImageSpool
from prunegrid.predictions import SCHEMA, write_rows, write_table
from prunegrid.pruning import Pruning, Saliencies, prune
from prunegrid.saliency import MOST_ANSWER_TOKENS
from prunegrid.strategies.base import Schedule

if TYPE_CHECKING:
    from prunegrid.benchmarks.base import Adapter, Sample

TOP_K = 5


@dataclass(frozen=True)
class CellRun:
    """What it takes to run one cell.

    Attributes
    ----------
    key : str
        Hash of all that its predictions depend on; names its files in the store.
    code : str
        Hash of the code that computes it.
    label : str
        How progress lines call it.
    axes : dict
        model, benchmark, strategy, criterion, ratio, seed, for the metadata.
    strategy, criterion : tuple of (str, dict)
        Plug-in and options; the criterion of a strategy that does not rank is None.
    """

    key: str
    code: str
    label: str
    axes: dict[str, Any]
    strategy: tuple[str, dict[str, Any]]
    criterion: tuple[str, dict[str, Any]] | None

    @property
    def swaps_images(self) -> bool:
        """Whether each question sees another sample's image."""
        return plugins.load("strategies", self.strategy[0]).swaps_images


@dataclass(frozen=True)
class BenchmarkRun:
    """One model on one benchmark: what the cells of a bundle share.

    Attributes
    ----------
    model_path, data_path : str
        Folders, files or hub ids.
    model_spec, benchmark_spec : dict
        Entries of the configuration.
    store : Path
        Folder of finished cells, `{key}.parquet`.
    batch_size, shard_size : int
        Samples per forward pass; samples between two writes.
    """

    model_path: str
    model_spec: dict[str, Any]
    data_path: str
    benchmark_spec: dict[str, Any]
    store: Path
    batch_size: int = 16
    shard_size: int = 512
    say: Callable[[str], None] = field(default=print)


def predict_cells(run: BenchmarkRun, cells: Sequence[CellRun]) -> None:
    """Compute cells into the store.

    Samples are read in shards; each cell's rows of a shard are written at once, so that a killed run
    goes on from there. What cells share is computed once per shard: decoded images, token ids, vision
    features, gradients.
    """
    loaded = load_model(run.model_path, run.model_spec)
    adapter = plugins.load("benchmarks", run.benchmark_spec["adapter"])(
        {**run.benchmark_spec, "path": run.data_path}
    )
    run.say(f"{run.model_path} is loaded on {loaded.model.device}, {len(cells)} cells to run")
    _Bundle(run, loaded, adapter, cells).run()


class _Bundle:
    def __init__(
        self, run: BenchmarkRun, loaded: LoadedModel, adapter: Adapter, cells: Sequence[CellRun]
    ) -> None:
        self._run, self._loaded, self._adapter, self._cells = run, loaded, adapter, cells
        spec = run.model_spec
        self._maker = PromptMaker(
            loaded, spec.get("system_prompt", "none"), spec.get("image_mode", "processor")
        )
        self._seconds: dict[str, float] = {}

    def run(self) -> None:
        spool = None
        if any(cell.swaps_images for cell in self._cells):
            spool = ImageSpool(self._adapter.samples())
        n_shards = 0
        for number, samples in enumerate(_chunks(self._adapter.samples(), self._run.shard_size)):
            n_shards = number + 1
            todo = [cell for cell in self._cells if not self._shard(cell, number).exists()]
            if todo:
                self._run_shard(number, samples, todo, spool)
        for cell in self._cells:
            self._finish(cell, n_shards)

    def _run_shard(
        self, number: int, samples: Sequence[Sample], cells: Sequence[CellRun], spool: ImageSpool | None
    ) -> None:
        batch_size = self._run.batch_size
        prompts = self._maker.prompts(samples, batch_size)
        saliencies: Saliencies = {}
        started = time.monotonic()
        for position, cell in enumerate(cells, start=1):
            before = time.monotonic()
            if cell.swaps_images:
                partners = spool.partners(cell.axes["seed"])
                seen = self._maker.prompts(spool.swapped(samples, partners), batch_size)
            else:
                seen = prompts
            rows = predict_prompts(
                self._loaded,
                self._adapter,
                seen,
                cell,
                batch_size=batch_size,
                max_new_tokens=self._max_new_tokens,
                saliencies=saliencies,
            )
            write_rows(self._shard(cell, number), rows)
            now = time.monotonic()
            self._seconds[cell.key] = self._seconds.get(cell.key, 0.0) + now - before
            left = (now - started) / position * (len(cells) - position)
            errors = sum(row["status"] == "error" for row in rows)
            self._run.say(
                f"[{position}/{len(cells)}] {cell.label}: {len(rows)} samples, "
                f"{f'{errors} errors, ' if errors else ''}{len(rows) / (now - before):.0f}/s, "
                f"about {left:.0f} s left" + (f" in shard {number}" if number else "")
            )

    @property
    def _max_new_tokens(self) -> int:
        return self._run.benchmark_spec.get("max_new_tokens", self._adapter.max_new_tokens)

    def _shard(self, cell: CellRun, number: int) -> Path:
        # Shards of another size hold other rows.
        folder = f"{cell.key}.shards-{self._run.shard_size}"
        return self._run.store / folder / f"{number:05d}.parquet"

    def _finish(self, cell: CellRun, n_shards: int) -> None:
        """Join a cell's shards into its file."""
        shards = [self._shard(cell, number) for number in range(n_shards)]
        tables = [parquet.read_table(shard, schema=SCHEMA, partitioning=None) for shard in shards]
        table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
        found, wanted = table["sample_id"].to_pylist(), self._adapter.sample_ids()
        if found != wanted:
            raise DataError(
                f"{cell.label}: its shards hold {len(found)} samples, not the benchmark's {len(wanted)} in "
                f"their order; delete {self._run.store}/{cell.key}.shards-* and run again"
            )
        write_table(self._run.store / f"{cell.key}.parquet", table, self._metadata(cell, table))
        for folder in self._run.store.glob(f"{cell.key}.shards-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _metadata(self, cell: CellRun, table: pa.Table) -> dict[str, Any]:
        model, spec = self._loaded.model, self._run.model_spec
        strategy = plugins.build("strategies", *cell.strategy)
        n_layers = len(self._loaded.family.layers(model))
        # Where all samples have as many image tokens, the schedule as it was run.
        sizes = set(table.filter(pc.equal(table["status"], "ok"))["n_image_tokens"].to_pylist())
        schedule = strategy.solve(
            cell.axes["ratio"] or None,
            n_layers,
            seed=cell.axes["seed"],
            n_tokens=sizes.pop() if len(sizes) == 1 else None,
        )
        return {
            "key": cell.key,
            "cell": cell.axes,
            "strategy": list(cell.strategy),
            "criterion": list(cell.criterion) if cell.criterion else None,
            "schedule": [list(cut) for cut in schedule.cuts],
            "schedule_attempts": schedule.attempts,
            "n_layers": n_layers,
            "deep_from": self._deep_from(cell, schedule),
            "second_cut": schedule.second_cut,
            "code": cell.code,
            "model": {
                "id": spec["path"],
                "revision": getattr(model.config, "_commit_hash", None) or spec.get("revision"),
                "config": model.config.to_dict(),
            },
            "data": {
                "id": self._run.benchmark_spec["path"],
                **self._adapter.provenance(),
                **{
                    key: self._run.benchmark_spec.get(key)
                    for key in ("adapter", "limit", "sample", "columns")
                },
                "prompt": self._adapter.prompt,
            },
            "max_new_tokens": self._max_new_tokens,
            "dtype": str(model.dtype).removeprefix("torch."),
            "attn_implementation": model.config.get_text_config()._attn_implementation,
            "image_backend": type(self._loaded.processor.image_processor).__name__,
            "image_mode": spec.get("image_mode", "processor"),
            "system_prompt": spec.get("system_prompt", "none"),
            "batch_size": self._run.batch_size,
            "device": str(model.device),
            "seconds": round(self._seconds.get(cell.key, 0.0), 3),
            "packages": {name: version(name) for name in ("torch", "transformers", "accelerate", "pillow")},
        }

    def _deep_from(self, cell: CellRun, schedule: Schedule) -> int | None:
        criterion = _criterion(cell, self._adapter.free_text)
        if criterion is None or not criterion.delegates:
            return None
        return criterion.first_deep(schedule.n_layers, schedule.second_cut)


def predict_prompts(
    loaded: LoadedModel,
    adapter: Adapter,
    prompts: Sequence[Prompt],
    cell: CellRun,
    *,
    batch_size: int,
    max_new_tokens: int,
    saliencies: Saliencies | None = None,
) -> list[dict[str, Any]]:
    """Predict one cell on prompts, in their order.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    adapter : Adapter
        The benchmark: which words' first logits are stored, and whether answers are free text.
    prompts : sequence of Prompt
        Those with an error become error rows.
    cell : CellRun
        The cell.
    batch_size : int
        Prompts per pass; halved where memory runs out.
    max_new_tokens : int
        Longest answer.
    saliencies : mutable mapping, optional
        Gradients shared between cells.

    Returns
    -------
    list of dict
        Rows of `prunegrid.predictions.SCHEMA`.
    """
    good = [place for place, prompt in enumerate(prompts) if prompt.error is None]
    # Prompts of one length need no padding among themselves.
    good.sort(key=lambda place: (len(prompts[place].input_ids), place))
    rows = {place: _error_row(prompt) for place, prompt in enumerate(prompts) if prompt.error is not None}
    criterion = _criterion(cell, adapter.free_text)

    with _context(loaded, cell, criterion, saliencies) as pruning:
        start = 0
        while start < len(good):
            places = good[start : start + batch_size]
            try:
                found = _rows(loaded, adapter, [prompts[place] for place in places], pruning, max_new_tokens)
            except RuntimeError as error:
                if len(places) == 1 or not should_reduce_batch_size(error):
                    raise
                batch_size = len(places) // 2
                clear_device_cache(garbage_collection=True)
                continue
            rows.update(zip(places, found, strict=True))
            start += len(places)
    return [rows[place] for place in range(len(prompts))]


def _criterion(cell: CellRun, free_text: bool) -> Any:
    """Build the cell's criterion; free text is explained by all of its tokens, not by the first."""
    if cell.criterion is None:
        return None
    name, options = cell.criterion
    if free_text and "answer_tokens" in plugins.describe("criteria", name)["options"]:
        options = {"answer_tokens": MOST_ANSWER_TOKENS, **options}
    return plugins.build("criteria", name, options)


def _context(loaded: LoadedModel, cell: CellRun, criterion: Any, saliencies: Saliencies | None):
    strategy = plugins.build("strategies", *cell.strategy)
    if not strategy.has_ratio and cell.strategy[0] != "blind":
        return nullcontext(None)
    return prune(
        loaded.model,
        strategy,
        criterion if criterion is not None else "first",
        ratio=cell.axes["ratio"] if strategy.has_ratio else None,
        seed=cell.axes["seed"],
        saliencies=saliencies,
    )


class _FirstLogits(LogitsProcessor):
    """Keeps the logits of the first generated position; changes nothing."""

    logits: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self.logits is None:
            self.logits = scores.float().cpu()
        return scores


def _rows(
    loaded: LoadedModel,
    adapter: Adapter,
    prompts: Sequence[Prompt],
    pruning: Pruning | None,
    max_new_tokens: int,
) -> list[dict[str, Any]]:
    """Return one row per prompt; what a prompt alone cannot pass becomes its error row."""
    try:
        return list(_generate(loaded, adapter, collate(prompts, loaded), pruning, max_new_tokens))
    except (PrunegridError, ValueError) as error:
        if len(prompts) == 1:
            return [_error_row(replace(prompts[0], error=f"{type(error).__name__}: {error}"))]
    return [row for prompt in prompts for row in _rows(loaded, adapter, [prompt], pruning, max_new_tokens)]


@torch.no_grad()
def _generate(
    loaded: LoadedModel, adapter: Adapter, batch: Batch, pruning: Pruning | None, max_new_tokens: int
) -> Iterator[dict[str, Any]]:
    """Generate greedily and yield one row per prompt."""
    if pruning is not None:
        pruning.sample_ids = [prompt.sample.sample_id for prompt in batch.prompts]
    first = _FirstLogits()
    tokenizer = loaded.processor.tokenizer
    sequences = loaded.model.generate(
        **batch.inputs,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        pad_token_id=tokenizer.pad_token_id,
        logits_processor=LogitsProcessorList([first]),
    )
    new = sequences[:, batch.inputs["input_ids"].shape[1] :].cpu()
    ends = loaded.model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    image_id = loaded.family.image_token_id(loaded.model.config)
    n_layers = len(loaded.family.layers(loaded.model))
    top = first.logits.topk(TOP_K)
    for row, prompt in enumerate(batch.prompts):
        tokens = _until_end(new[row].tolist(), ends)
        places = (prompt.input_ids == image_id).nonzero()
        n_image = len(places)
        n_tokens = len(prompt.input_ids)
        words = adapter.option_words(prompt.sample)
        yield {
            **_question(prompt),
            "prediction": tokenizer.decode(tokens, skip_special_tokens=True),
            "n_image_tokens": n_image,
            "n_text_tokens": n_tokens - n_image,
            "n_text_after": n_tokens - 1 - int(places[-1]) if n_image else n_tokens,
            "image_grids": prompt.grids,
            "n_generated": len(tokens),
            "n_explained": pruning.explained[row] if pruning else 0,
            "token_depth": token_depth(n_image, n_layers, pruning.kept[row] if pruning else []),
            "first_token_id": tokens[0],
            "first_topk": [
                {"id": token, "logit": logit}
                for token, logit in zip(top.indices[row].tolist(), top.values[row].tolist(), strict=True)
            ],
            "choice_logits": _word_logits(tokenizer, first.logits[row], words) if words else None,
            "status": "ok",
            "error": None,
        }


def _until_end(tokens: list[int], ends: set[int]) -> list[int]:
    """Return generated tokens up to and with the first end-of-sequence token."""
    for place, token in enumerate(tokens):
        if token in ends:
            return tokens[: place + 1]
    return tokens


def _word_logits(tokenizer: Any, logits: Tensor, words: Iterable[str]) -> list[float]:
    """Return the first position's logit of each word: its first token, with or without a space before it."""
    found = []
    for word in words:
        ids = {tokenizer.encode(text, add_special_tokens=False)[0] for text in (word, f" {word}")}
        # Some tokenizers split the space off: a token of nothing but space is not the word's.
        texts = {token: tokenizer.decode([token]).strip() for token in ids}
        found.append(
            max(float(logits[token]) for token, text in texts.items() if text and word.startswith(text))
        )
    return found


def token_depth(n_image: int, n_layers: int, kept: Iterable[tuple[int, Sequence[int]]]) -> list[int]:
    """Return per image token how many layers computed on it; `n_layers` if it was never dropped."""
    depth = [n_layers] * n_image
    present = set(range(n_image))
    for layer, numbers in kept:
        for number in present - set(numbers):
            depth[number] = layer
        present = set(numbers)
    return depth


def _question(prompt: Prompt) -> dict[str, Any]:
    sample = prompt.sample
    return {
        "sample_id": sample.sample_id,
        "image_id": sample.image_id,
        "prompt": prompt.text,
        "question": sample.question,
        "choices": list(sample.choices) if sample.choices is not None else None,
        "answer": sample.answer,
        "references": list(sample.references) if sample.references is not None else None,
    }


def _error_row(prompt: Prompt) -> dict[str, Any]:
    return {
        **_question(prompt),
        "prediction": "",
        "n_image_tokens": 0,
        "n_text_tokens": 0,
        "n_text_after": 0,
        "image_grids": [],
        "n_generated": 0,
        "n_explained": 0,
        "token_depth": [],
        "first_token_id": None,
        "first_topk": [],
        "choice_logits": None,
        "status": "error",
        "error": prompt.error,
    }


def _chunks(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    samples = iter(samples)
    while chunk := list(islice(samples, size)):
        yield chunk
