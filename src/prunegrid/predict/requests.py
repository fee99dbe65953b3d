"""What a job of predictions is asked to do: one model on one benchmark, and its cells. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunegrid import plugins
from prunegrid.results.store import Store

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter


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
    share_ratio : float, optional
        Share of the image-token work to remove, where it is not the ratio in `axes`.
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
        return plugins.load("strategies", self.strategy[0]).swaps_images


@dataclass(frozen=True)
class BenchmarkRun:
    """One model on one benchmark: what the cells of a bundle share.

    Attributes
    ----------
    model_path, data_path : str
        Folders, files or hub ids; without a data_path the adapter's published data set.
    model_spec, benchmark_spec : dict
        Entries of the configuration.
    store : Store
        Where results lie.
    batch_size, shard_size : int
        Samples per forward pass; samples between two writes.
    job, n_jobs : int
        Which of how many parallel jobs this is, from 1: they divide the shards.
    """

    model_path: str
    model_spec: dict[str, Any]
    data_path: str | None
    benchmark_spec: dict[str, Any]
    store: Store
    batch_size: int = 16
    shard_size: int = 512
    job: int = 1
    n_jobs: int = 1

    def max_new_tokens(self, adapter: Adapter) -> int:
        """Return the length of the longest answer: the configuration's, else the adapter's."""
        return self.benchmark_spec.get("max_new_tokens", adapter.max_new_tokens)

    def own_shards(self, n_samples: int) -> range:
        """Return the numbers of the job's shards: every `n_jobs`-th, so that no plan has to know how many."""
        return range(self.job - 1, -(-n_samples // self.shard_size), self.n_jobs)
