"""What a job saves by keeping image features on disk, and by preparing samples while the model runs.

One cell over captions of the demo, on the wide random model: (a) each picture encoded, samples prepared in
between; (b) as (a), samples prepared ahead in a thread; (c) as (b), features of all pictures found on disk.
The jobs run in turns in one process, on one thread of PyTorch; their rows are compared.
`PYTHONPATH=src python perf/images.py --samples 24 --rounds 5`
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import torch
from cell import alternate
from study import HOME, line, render_demo
from wide_model import write_wide_model

from prunegrid.predict import predict_cells
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.predict_cells import Shared
from prunegrid.predict.requests import BenchmarkRun, CellRun, KeptFeatures
from prunegrid.results.store import Store

CELL = CellRun(
    "key",
    "code",
    "hierarchical x attention",
    {"ratio": 0.5, "seed": 0},
    ("hierarchical", {}),
    ("attention", {}),
)
KEPT = 10**9


@contextmanager
def in_between(items: Iterable, *_: object) -> Iterator[Iterator]:
    """Stand in for `ReadAhead`: an item is made when it is asked for."""
    yield iter(items)


class Jobs:
    """The jobs of a model over a file of captions.

    Parameters
    ----------
    folder : Path
        Where they write.
    samples : int
        How many rows they predict.
    """

    def __init__(self, folder: Path, samples: int) -> None:
        write_wide_model(folder / "model", HOME / "demo/model")
        render_demo(folder)
        self._folder, self._samples, self._number = folder, samples, 0
        self._spec = {"path": str(folder / "model")}
        self._loaded: LoadedModel = Shared(str(folder / "model"), self._spec).loaded
        self.rows: dict[str, list] = {}

    def job(self, name: str, *, ahead: bool, kept: bool) -> Callable[[], None]:
        """Return what runs a job, into a store of its own."""
        features = KeptFeatures(self._folder / "features", "key", KEPT) if kept else None
        spec = {"adapter": "nocaps", "limit": self._samples, "max_new_tokens": 2}
        data = str(self._folder / "resources/demo/shapes-caption.parquet")

        def run() -> None:
            self._number += 1
            store = Store(self._folder / f"store-{self._number}")
            shared = Shared("", self._spec, features)
            # The model is loaded once for all jobs.
            shared.__dict__["loaded"] = self._loaded
            known = predict_cells.ReadAhead
            if not ahead:
                predict_cells.ReadAhead = in_between
            try:
                predict_cells.predict_cells(
                    BenchmarkRun("", self._spec, data, spec, store, batch_size=4), [CELL], shared
                )
            finally:
                predict_cells.ReadAhead = known
            (file,) = store.folder.rglob("*.parquet")
            self.rows[name] = pq.read_table(
                file, columns=["prediction", "token_depth", "first_topk"]
            ).to_pylist()

        return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        jobs = Jobs(Path(folder), arguments.samples)
        names = {
            "(a) nothing": (False, False),
            "(b) prepared ahead": (True, False),
            "(c) features kept, too": (True, True),
        }
        runs = {name: jobs.job(name, ahead=ahead, kept=kept) for name, (ahead, kept) in names.items()}
        seconds = alternate(runs, arguments.rounds)
        print(
            f"random model, hidden 512, 24 layers, 576 image tokens: one cell, {arguments.samples} pictures"
        )
        first = seconds["(a) nothing"]
        for name in names:
            line(name, seconds[name], f"s, {seconds[name] / first:.2f} of (a)")
        wanted = jobs.rows["(a) nothing"]
        differing = sum(rows != wanted for rows in jobs.rows.values())
        print(f"  rows that differ: {'none' if not differing else f'of {differing} jobs'}")
        if differing:
            sys.exit(1)


if __name__ == "__main__":
    main()
