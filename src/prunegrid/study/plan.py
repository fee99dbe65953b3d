"""Which cells share a job, and what of their results is there. Imports no torch."""

import json
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from prunegrid.errors import PrunegridError
from prunegrid.files import is_whole_parquet, write_text
from prunegrid.results.predictions import read_metadata
from prunegrid.results.store import PREDICTIONS, SAMPLES, SCORES, Store
from prunegrid.study.bundles import bundle_cells
from prunegrid.study.config import plugin_of
from prunegrid.study.grid import Cell, needs_answer
from prunegrid.study.keys import CellKeys
from prunegrid.study.preflight import check_inputs

# Newer than the markers of jobs whose results have gone.
_NEWER = Path(".snakemake", "prunegrid-lost")


class Plan(CellKeys):
    """The jobs of a study and their results in the store; see `StudyInputs` for the parameters."""

    def needs_answer(self, criterion: str) -> bool:
        """Return whether a criterion's name needs the unpruned model's answer."""
        return needs_answer(self.config, criterion)

    def describe_cell(self, cell: Cell) -> dict[str, Any]:
        """Return what the tables need to know of a cell, as plain values (see `tables.cells.read_cells`)."""
        return {
            **vars(cell),
            "folder": str(Path(self.config["results_dir"], cell.folder)),
            "strategy_type": plugin_of(self.config, "strategies", cell.strategy)[0],
            "criterion_type": plugin_of(self.config, "criteria", cell.criterion)[0],
            "needs_answer": self.needs_answer(cell.criterion),
        }

    def describe_files(self, cell: Cell) -> dict[str, Any]:
        """Return what tells whether a cell's published files are its own (see `seals.check_cells`)."""
        criterion = self._criterion(cell.criterion)
        return {
            "folder": str(Path(self.config["results_dir"], cell.folder)),
            "store": str(self.store(cell.model, cell.benchmark)),
            "predictions_key": self.prediction_key(cell),
            "scores_key": self.score_key(cell),
            "made_by": {
                "cell": vars(cell),
                "strategy": plugin_of(self.config, "strategies", cell.strategy),
                "criterion": criterion or None,
                "code": self.prediction_code(cell),
            },
        }

    def bundles(self, model: str) -> dict[str, list[Cell]]:
        """Return name -> cells that share a job (see `bundling`); those of one criterion stay together.

        Of cells that differ by name alone, say one strategy under two names, only the first is computed.
        """
        return self._once(("bundles", model), lambda: self._bundles(model))

    def _bundles(self, model: str) -> dict[str, list[Cell]]:
        alike: dict[tuple[str, str], Cell] = {}
        for cell in self.grid.cells:
            if cell.model == model:
                alike.setdefault((cell.benchmark, self.means(cell)), cell)
        order = {name: place for place, name in enumerate(["none", *self.config["criteria"]])}
        cells = sorted(alike.values(), key=lambda cell: order[cell.criterion])
        return bundle_cells(cells, self.config["bundle_size"], self._n_jobs)

    def bundle_of(self, cell: Cell) -> str:
        """Return the name of the bundle that computes a cell, or one that differs from it by name alone."""
        names = self._once(
            ("bundle names", cell.model),
            lambda: {
                (one.benchmark, self.means(one)): name
                for name, cells in self.bundles(cell.model).items()
                for one in cells
            },
        )
        return names[cell.benchmark, self.means(cell)]

    def check_inputs(self) -> list[str]:
        """Check models and data before hours of work; see `prunegrid.study.preflight.check_inputs`."""
        return check_inputs(self)

    def store(self, model: str, benchmark: str) -> Path:
        """Return the folder of finished cells of a model and benchmark."""
        return Path(self.config["results_dir"], model, benchmark, ".store")

    def is_stored(self, cell: Cell) -> bool:
        """Return whether the store holds a cell's predictions and scores."""
        store = self._store_of(cell)
        return store.has_predictions(self.prediction_key(cell)) and store.has_scores(self.score_key(cell))

    def parts(self, model: str, bundle: str) -> list[str]:
        """Return what the names of a bundle's jobs end with: nothing for one, else `.1-of-2` and so on.

        Parallel jobs divide a bundle's shards, and a further job joins them.
        """
        n_jobs = self._n_jobs(self.bundles(model)[bundle][0].benchmark)
        return [f".{job}-of-{n_jobs}" for job in range(1, n_jobs + 1)] if n_jobs > 1 else [""]

    def _n_jobs(self, benchmark: str) -> int:
        spec = self.config["benchmark_specs"][benchmark]
        return spec.get("jobs_per_bundle", self.config["jobs_per_bundle"])

    @staticmethod
    def job_of(part: str) -> tuple[int, int]:
        """Return the number of a job, from 1, and how many there are, from what its name ends with."""
        job, _, n_jobs = part.removeprefix(".").partition("-of-")
        return (int(job), int(n_jobs)) if part else (1, 1)

    def predicted_marker(self, model: str, bundle: str) -> str:
        """Return the name of the marker that stands when a bundle's cells are in the store."""
        return f"{'predicted' if self.parts(model, bundle) == [''] else 'joined'}-{bundle}.done"

    def lost(self, model: str, marker: str, keys: Iterable[str]) -> list[str]:
        """Return a file newer than a job's marker if the job has to run again, else nothing.

        The store is no output of a rule, so Snakemake cannot see that a file was deleted from it, or cut
        short; nor what the marker of another plan's bundle lists, where its own records are gone. As an
        input, the newer file makes it run the job again.

        Parameters
        ----------
        model : str
            Of which model.
        marker : str
            The job's output.
        keys : iterable of str
            What the job is to leave.
        """
        file, wanted = Path(marker), frozenset(keys)
        if not file.exists():
            return []
        left = json.loads(file.read_text(encoding="utf-8"))
        lists_all = {key for files in left.values() for key in files}.issuperset(wanted)
        has_lost = any(
            Store(self.store(model, benchmark)).has_lost({key: files[key] for key in files if key in wanted})
            for benchmark, files in left.items()
        )
        return [self._newer] if has_lost or not lists_all else []

    def displaced(self, cell: Cell) -> list[str]:
        """Return a file newer than a cell's published files if they are cut short or not its own."""
        file = self._published(cell, PREDICTIONS)
        is_right = not file.exists() or (is_whole_parquet(file) and self.is_published(cell))
        return [] if is_right else [self._newer]

    def is_published(self, cell: Cell) -> bool:
        """Return whether a cell's published files are those of its keys: links to the store, or copies."""
        store, key = self._store_of(cell), self.prediction_key(cell)
        predictions = self._published(cell, PREDICTIONS)
        scores, scored = self._published(cell, SCORES), store.scores(self.score_key(cell)) / SCORES
        try:
            return (
                self._published(cell, SAMPLES).exists()
                and (scores.samefile(scored) or scores.read_bytes() == scored.read_bytes())
                and (
                    predictions.samefile(store.predictions(key))
                    or read_metadata(predictions).get("key") == key
                )
            )
        except (OSError, PrunegridError):
            return False

    def _published(self, cell: Cell, name: str) -> Path:
        return Path(self.config["results_dir"], cell.folder, name)

    @cached_property
    def _newer(self) -> str:
        # Another content each time: Snakemake compares checksums of small inputs with those of the last run.
        write_text(_NEWER, str(time.time_ns()))
        return str(_NEWER)

    def _store_of(self, cell: Cell) -> Store:
        return Store(self.store(cell.model, cell.benchmark))
