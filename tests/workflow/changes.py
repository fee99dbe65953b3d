"""Changes to a finished study, each undone at the end: the rows of docs/reruns.md."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pyarrow.parquet as pq
import pytest

from tests.workflow.study import HOME, Study

Change = Callable[[Study], AbstractContextManager]
CELL = "demo/shapes-pope/uniform/norm/ratio-0.600/seed-0"


def table() -> dict[str, list[int]]:
    """Return the rows of docs/reruns.md: change -> numbers of jobs."""
    lines = (HOME / "docs/reruns.md").read_text().splitlines()
    rows = [[field.strip() for field in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {change: list(map(int, numbers)) for change, *numbers in rows[2:]}


def edited(file: str, old: str, new: str) -> Change:
    """Replace text in a file of the study."""

    @contextmanager
    def change(study: Study) -> Iterator[None]:
        path = study.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        yield
        path.write_text(text)

    return change


def configured(**changes) -> Change:
    """Change the study's configuration."""

    @contextmanager
    def change(study: Study) -> Iterator[None]:
        file = study.folder / "study.yaml"
        text = file.read_text()
        study.configure(**changes)
        yield
        file.write_text(text)

    return change


@contextmanager
def nothing(study: Study) -> Iterator[None]:
    yield


@contextmanager
def touched(study: Study) -> Iterator[None]:
    for folder in ("src", "workflow", "demo", "resources", "profiles"):
        for file in (study.folder / folder).rglob("*"):
            os.utime(file)
    for file in ("Snakefile", "config.yaml"):
        os.utime(study.folder / file)
    yield


@contextmanager
def moved(study: Study) -> Iterator[None]:
    before = study.folder
    study.folder = before.rename(before.with_name("elsewhere"))
    yield
    study.folder = study.folder.rename(before)


@contextmanager
def other_weights(study: Study) -> Iterator[None]:
    file = study.folder / "demo/model/model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    yield
    file.write_bytes(content)


@contextmanager
def other_packages(study: Study) -> Iterator[None]:
    """Put a newer version's metadata before the installed one's."""
    folder = study.folder / "newer/transformers-99.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: transformers\nVersion: 99.0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder.parent), prepend=os.pathsep)
        yield
    shutil.rmtree(folder.parent)


@contextmanager
def deleted(study: Study, *, from_store: bool = False) -> Iterator[None]:
    folder, aside = study.folder / "results" / CELL, study.folder / "aside"
    aside.mkdir()
    key = json.loads(pq.read_schema(folder / "predictions.parquet").metadata[b"prunegrid"])["key"]
    stored = study.folder / f"results/demo/shapes-pope/.store/{key}.parquet"
    folder.rename(aside / "folder")
    if from_store:
        stored.rename(aside / "stored")
    yield
    (aside / "folder").rename(folder)
    if from_store:
        (aside / "stored").rename(stored)
    aside.rmdir()


@contextmanager
def deleted_from_store(study: Study) -> Iterator[None]:
    with deleted(study, from_store=True):
        yield


def without(*files: str) -> Change:
    """Return the change that deletes files of the results."""

    @contextmanager
    def change(study: Study) -> Iterator[None]:
        contents = {path: path.read_bytes() for file in files if (path := study.folder / "results" / file)}
        for path in contents:
            path.unlink()
        yield
        for path, content in contents.items():
            path.write_bytes(content)

    return change


def without_records(*more: Change) -> Change:
    """Return a change to a study whose records Snakemake has lost, too."""

    @contextmanager
    def change(study: Study) -> Iterator[None]:
        records = study.folder / ".snakemake/metadata"
        aside = records.rename(records.with_name("aside"))
        with ExitStack() as stack:
            for one in more:
                stack.enter_context(one(study))
            yield
        shutil.rmtree(records, ignore_errors=True)
        aside.rename(records)

    return change


LIMITS = {"shapes-pope": {"limit": 8}, "shapes-caption": {"limit": 4}}
CHANGES: dict[str, Change] = {
    "nothing": nothing,
    "every file touched": touched,
    "the checkout moved": moved,
    "a comment and a docstring edited": edited(
        "src/prunegrid/criteria/norm.py", '"""L2 norm', '# A comment.\n"""The L2 norm'
    ),
    "another `batch_size`, `shard_size`, `bundle_size`": configured(
        batch_size=2, shard_size=3, bundle_size=4
    ),
    "a criterion's file edited (`norm`)": edited(
        "src/prunegrid/criteria/norm.py", "norm(dim=-1)", "norm(p=1, dim=-1)"
    ),
    "a criterion's options changed (`norm`)": configured(
        criterion_specs={"norm": {"options": {"reverse": True}}}
    ),
    "a strategy's file edited (`uniform`)": edited(
        "src/prunegrid/strategies/uniform.py", "@dataclass", "EDITED = True\n\n\n@dataclass"
    ),
    "the engine edited": edited("src/prunegrid/pruning/context.py", "\n\n\n@", "\n\n\nEDITED = True\n\n\n@"),
    "a ratio added": configured(ratios=[0.505, 0.6, 0.7]),
    "a ratio removed": configured(ratios=[0.505]),
    "a criterion removed (`norm`)": configured(criteria=["attention", "random"]),
    "a benchmark's `limit` changed (`shapes-pope`)": configured(
        benchmark_specs={**LIMITS, "shapes-pope": {"limit": 6}}
    ),
    "the model's `revision` changed": configured(model_specs={"demo": {"revision": "v2"}}),
    "the model's weights changed": other_weights,
    "another version of torch, transformers or Pillow": other_packages,
    "the code that draws the demo's data edited": edited(
        "src/prunegrid/demo/render_benchmark.py", "CONTEXT_SHARE = 0.4", "CONTEXT_SHARE = 0.5"
    ),
    "a scorer's file edited (`pope`)": edited(
        "src/prunegrid/scorers/pope.py", "@dataclass", "EDITED = True\n\n\n@dataclass"
    ),
    "more bootstrap `replicates`": configured(tables={"replicates": 300}),
    "a table option changed (`accuracy_margin`)": configured(
        tables={"replicates": 200, "accuracy_margin": 2}
    ),
    "the code of the tables edited": edited(
        "src/prunegrid/tables/compare.py", "_AT_ONCE = 50", "_AT_ONCE = 51"
    ),
    "the code of the page edited": edited("src/prunegrid/report/write.py", "prunegrid report", "the report"),
    "`.snakemake/metadata` deleted": without_records(),
    "the same, and a table option changed": without_records(
        configured(tables={"replicates": 200, "accuracy_margin": 2})
    ),
    "the same, and the code of the page edited": without_records(
        edited("src/prunegrid/report/write.py", "prunegrid report", "the report")
    ),
    "a cell's folder deleted": deleted,
    "a cell deleted from the store too": deleted_from_store,
    "a table deleted (`paper-strategy.tex`)": without("demo/tables/paper-strategy.tex"),
    "a figure deleted (`criterion.png`)": without("demo/figures/criterion.png"),
}

# Other rows are of the same kind: files of code, keys of the configuration and options of the tables count
# alike. What a deleted cell starts, `test_reruns` runs.
FURTHER = (
    "a strategy's file edited (`uniform`)",
    "a criterion removed (`norm`)",
    "the model's `revision` changed",
    "a table option changed (`accuracy_margin`)",
    "the same, and the code of the page edited",
    "a cell's folder deleted",
    "a cell deleted from the store too",
)

# The criterion that the README shows.
CRITERION = '''"""Tokens far from the mean."""

from dataclasses import dataclass

from torch import Tensor

from prunegrid import Criterion, Stage


@dataclass(frozen=True, kw_only=True)
class Distance(Criterion):
    """Distance of the hidden state from the mean over the image tokens."""

    def score(self, stage: Stage) -> Tensor:
        """Return distances, shape (batch, present tokens)."""
        image = stage.image[..., None]
        mean = (stage.hidden * image).sum(1, keepdim=True) / image.sum(1, keepdim=True).clamp_min(1)
        return (stage.hidden - mean).float().norm(dim=-1)
'''
