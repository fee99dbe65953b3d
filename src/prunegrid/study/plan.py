"""The cells of a study, and which of them share a job. Imports no torch."""

from collections.abc import Collection, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.axis_names import TOTAL
from prunegrid.pruning.families import family_of, supported_models
from prunegrid.pruning.strategy import Strategy
from prunegrid.results.store import Store
from prunegrid.study.bundles import bundle_cells
from prunegrid.study.config import matchings, plugin_of
from prunegrid.study.fingerprint import REMEMBERED, Code
from prunegrid.study.grid import Cell, Grid, budgets_for, criterion_of, expand, is_total
from prunegrid.study.handed_layers import has_class_token, needs_class_token
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.keys import CellKeys
from prunegrid.study.matches import Matches
from prunegrid.study.memo import Memo
from prunegrid.study.method_specs import describe_method
from prunegrid.study.shared_layers import in_sharing_order
from prunegrid.study.sliding_windows import cannot_move_up


class Plan:
    """What a study computes: its cells, their keys, and the bundles of cells that share a job.

    Parameters
    ----------
    config, home, prepared
        As of `StudyInputs`.

    Attributes
    ----------
    config : mapping
        The configuration.
    inputs : StudyInputs
        Where its models and data lie.
    keys : CellKeys
        The keys of its cells.
    """

    def __init__(self, config: Mapping[str, Any], home: Path, prepared: Collection[str] = ()) -> None:
        self.config = config
        self.inputs = StudyInputs(config, home, prepared)
        code = Code(REMEMBERED)
        self._matches = Matches(self.inputs, Path(".snakemake", "prunegrid-matches.json"), code)
        self.keys = CellKeys(self.inputs, self.share_ratio, code)
        self._memo = Memo()

    @cached_property
    def grid(self) -> Grid:
        """All cells."""
        layers = {model: self.inputs.layers(model) for model in self.config["models"]}
        match = self._matches.ratio if TOTAL in matchings(self.config) else None
        grid = expand(self.config, layers, match, self._lacks, self._cannot, self.inputs.image_tokens)
        self._matches.save()
        return grid

    def budgets(self, model: str) -> dict[float, str]:
        """Return ratio -> how the budget was written, where it was not written as a ratio."""
        found = budgets_for(self.config, model, self.inputs.layers(model), self.inputs.image_tokens)
        return {budget.ratio: budget.words for budget in found if budget.words}

    def _cannot(self, model: str, strategy: str, criterion: str) -> str | None:
        """Return why a method, or what a criterion reads, cannot serve a model's family, or None."""
        config = self.inputs.model_config(model)
        model_type = config.get("model_type")
        if strategy in self.config["methods"]:
            reason = describe_method(self.config, strategy)["cannot"].get(model_type)
            if reason is not None:
                return f"{strategy} cannot serve {model_type}: {reason}"
        plugin, options = plugin_of(self.config, "strategies", strategy)
        built: Strategy = plugins.build("strategies", plugin, options)
        if built.resizes_images and model_type in supported_models() and not family_of(model_type).own_size:
            return (
                f"{strategy} makes pictures smaller, and {model_type} brings every picture to sizes of its "
                "own: it would be no fewer image tokens"
            )
        if reason := cannot_move_up(built, config, partial(self.inputs.image_tokens, model)):
            return f"{strategy}: {reason}"
        named = criterion_of(self.config, criterion)
        if named is None or not needs_class_token(*named) or has_class_token(config) is not False:
            return None
        return (
            f"criterion {criterion!r} reads the class token of the vision tower, and that of {model_type} "
            "has none: tower_attention_received reads what patches attend to"
        )

    def _lacks(self, benchmark: str, strategy: str) -> str | None:
        """Return why a benchmark's data do not suffice for a strategy, or None."""
        kind: type[Strategy] = plugins.load("strategies", plugin_of(self.config, "strategies", strategy)[0])
        if kind.swaps_images and self.inputs.shows_one_picture(benchmark):
            return f"{strategy} shows each question another picture, and {benchmark} has no two"
        return None

    def share_ratio(self, cell: Cell) -> float:
        """Return the share of image-token work that a cell removes: its ratio, or the matched one."""
        if not is_total(self.config, cell.match):
            return cell.ratio
        return self._matches.ratio(cell.model, cell.strategy, cell.criterion, cell.ratio, cell.seed)

    def store(self, model: str, benchmark: str) -> Store:
        """Return the store of a model and benchmark."""
        return Store.of(self.config["results_dir"], model, benchmark, self.config["device_memory_gb"])

    def bundles(self, model: str) -> dict[str, list[Cell]]:
        """Return name -> cells that share a job (see `bundle_cells`): those that share most layers.

        Of cells that differ by name alone, say one strategy under two names, only the first is computed.
        """
        return self._memo.once(("bundles", model), lambda: self._bundles(model))

    def _bundles(self, model: str) -> dict[str, list[Cell]]:
        alike: dict[tuple[str, str], Cell] = {}
        for cell in self.grid.cells:
            if cell.model == model:
                alike.setdefault(self._computed_as(cell), cell)
        cells = [*alike.values()]
        ratios = [self.share_ratio(cell) for cell in cells]
        ordered = in_sharing_order(self.config, self.inputs.layers(model), cells, ratios)
        return bundle_cells(ordered, self.config["bundle_size"], self._n_jobs)

    def bundle_of(self, cell: Cell) -> str:
        """Return the name of the bundle that computes a cell, or one that differs from it by name alone."""
        names = self._memo.once(
            ("bundle names", cell.model),
            lambda: {
                self._computed_as(one): name
                for name, cells in self.bundles(cell.model).items()
                for one in cells
            },
        )
        return names[self._computed_as(cell)]

    def n_jobs(self, model: str, bundle: str) -> int:
        """Return how many parallel jobs divide a bundle's samples among them."""
        return self._n_jobs(self.bundles(model)[bundle][0].benchmark)

    def n_tokens(self, model: str, bundle: str) -> int:
        """Return how many tokens a bundle's cells generate of a sample at most, together.

        A rough measure of how long it takes, known before any data are there.
        """
        return sum(self.answer_tokens(cell.benchmark) for cell in self.bundles(model)[bundle])

    def answer_tokens(self, benchmark: str) -> int:
        """Return how many tokens an answer has at most."""
        return self.inputs.answer_tokens(benchmark)

    def _n_jobs(self, benchmark: str) -> int:
        spec = self.config["benchmark_specs"][benchmark]
        jobs: int = spec.get("jobs_per_bundle", self.config["jobs_per_bundle"])
        return jobs

    def _computed_as(self, cell: Cell) -> tuple[str, str]:
        """Return what cells of a model that differ by name alone have in common."""
        return cell.benchmark, self.keys.settings_hash(cell)
