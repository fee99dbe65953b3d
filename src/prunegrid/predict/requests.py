"""Arguments of a prediction job: one model, one benchmark, the cells to predict. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunegrid import plugins
from prunegrid.results.store import Store

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter
    from prunegrid.pruning.strategy import Strategy

# The model's whole configuration, tokens of the longest sample with its answer, bytes of a number, and bytes
# of memory that are free beside the model -> samples per forward pass.
BatchChoice = Callable[[Mapping[str, Any], int, int, int], int]


@dataclass(frozen=True)
class CellRun:
    """One cell to predict: how it prunes, and under which key its file lies.

    Attributes
    ----------
    key : str
        Hash of all that its predictions depend on; names its files in the store.
    code : str
        Hash of the code that computes it.
    label : str
        Its name in progress lines.
    axes : dict
        The cell's `model`, `benchmark`, `strategy`, `criterion`, `ratio` and `seed`, written to the file's
        metadata.
    strategy, criterion : tuple of (str, dict)
        Name of the plug-in and its options; criterion None where the strategy does not rank.
    share_ratio : float, optional
        Share of the image-token work to remove, where `axes` names another ratio (equal total compute).
    """

    key: str
    code: str
    label: str
    axes: dict[str, Any]
    strategy: tuple[str, dict[str, Any]]
    criterion: tuple[str, dict[str, Any]] | None
    share_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        """Share of the image-token work to remove; None where the strategy takes none."""
        return (self.axes["ratio"] if self.share_ratio is None else self.share_ratio) or None

    @property
    def swaps_images(self) -> bool:
        """Whether each question sees another sample's image."""
        strategy: type[Strategy] = plugins.load("strategies", self.strategy[0])
        return strategy.swaps_images

    @property
    def image_share(self) -> float | None:
        """Share of its image tokens that a picture made smaller is to have; None where none is."""
        strategy: type[Strategy] = plugins.load("strategies", self.strategy[0])
        return 1 - (self.ratio or 0.0) if strategy.resizes_images else None


@dataclass(frozen=True)
class KeptFeatures:
    """Where image features of a model are kept for later jobs.

    Attributes
    ----------
    folder : Path
        The folder of their files.
    key : str
        Hash of what they depend on, as far as it is known without the model.
    most_bytes : float
        Most bytes of files.
    """

    folder: Path
    key: str
    most_bytes: float


def _unchecked(_: CellRun) -> None:
    """Accept whatever computes a cell."""


@dataclass(frozen=True)
class BenchmarkRun:
    """The model, the benchmark and the share of its samples that a job predicts for all of its cells.

    Attributes
    ----------
    model_path, data_path : str, the latter or None
        Folder, file or hub id; `data_path` None is the adapter's published data set.
    model_spec, benchmark_spec : dict
        The entries of `model_specs` and `benchmark_specs`.
    store : Store
        Folder of finished cells and of shards.
    batch_size : int or callable
        Samples per forward pass, or what chooses them: see `BatchChoice`.
    shard_size : int
        Samples per file that is written before the cell is complete.
    job, n_jobs : int
        Which of how many parallel jobs this is, from 1: they divide the shards.
    slots_per_gpu : int
        Jobs that share a GPU and its memory.
    check_planned : callable
        Takes a cell before rows of it are written; raises if what made them, code or files of
        model and data, is not what its key stands for.
    """

    model_path: str
    model_spec: dict[str, Any]
    data_path: str | None
    benchmark_spec: dict[str, Any]
    store: Store
    batch_size: int | BatchChoice = 16
    shard_size: int = 512
    job: int = 1
    n_jobs: int = 1
    slots_per_gpu: int = 1
    check_planned: Callable[[CellRun], None] = _unchecked

    def max_new_tokens(self, adapter: Adapter) -> int:
        """Return the length of the longest answer: the configuration's, else the adapter's."""
        return int(self.benchmark_spec.get("max_new_tokens", adapter.max_new_tokens))

    def own_shards(self, n_samples: int) -> range:
        """Return the numbers of the job's shards: every `n_jobs`-th of the benchmark's."""
        return range(self.job - 1, -(-n_samples // self.shard_size), self.n_jobs)
