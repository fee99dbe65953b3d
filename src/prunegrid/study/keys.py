"""What the results of every cell depend on. Imports no torch.

A cell's key is the hash of all that its predictions depend on. Results are kept in a store under their
keys, so a result made by other code, data or options is never taken for the one asked for.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.errors import NotDownloadedError
from prunegrid.pruning.strategy import UNRANKED
from prunegrid.study.config import plugin_of
from prunegrid.study.fingerprint import Code, HashCache, data_files, digest
from prunegrid.study.grid import Cell, Grid, criterion_parts, expand, keeps_unranked
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.matches import Matches

# Model and benchmark settings that change how fast a number comes, but not the number.
_SPEED_ONLY = ("batch_size", "device_map", "jobs_per_bundle")
# Hints for the plan and for whoever runs its jobs.
_HINTS = ("layers", "image_tokens", "mem_mb", "runtime", "gpus")
# Packages whose versions may change a prediction.
_NUMERIC = ("torch", "transformers", "pillow")


class CellKeys(StudyInputs):
    """The grid of a configuration with the keys of its cells; see `StudyInputs` for the parameters."""

    def __init__(self, config: Mapping[str, Any], home: Path, prepared: Collection[str] = ()) -> None:
        super().__init__(config, home, prepared)
        self._hashes = HashCache(Path(".snakemake", "prunegrid-hashes.json"))
        self._sources = Code(Path(".snakemake", "prunegrid-code.json"))
        self._matches = Matches(
            config, self.model_config, Path(".snakemake", "prunegrid-matches.json"), self._sources
        )

    @cached_property
    def grid(self) -> Grid:
        """All cells."""
        layers = {model: self.layers(model) for model in self.config["models"]}
        if self.config["match"] == "share":
            return expand(self.config, layers)
        grid = expand(self.config, layers, self._matches.ratio)
        self._matches.save()
        return grid

    def share_ratio(self, cell: Cell) -> float:
        """Return the share of image-token work that a cell removes: its ratio, or the matched one."""
        if self.config["match"] == "share":
            return cell.ratio
        return self._matches.ratio(cell.model, cell.strategy, cell.criterion, cell.ratio, cell.seed)

    def prediction_key(self, cell: Cell) -> str:
        """Return the hash of all that a cell's predictions depend on."""
        return self._once(("predictions", cell), lambda: self._prediction_key(cell))

    def _prediction_key(self, cell: Cell) -> str:
        return digest(
            {
                **self._axes(cell),
                "model": self._once(("model", cell.model), lambda: self._model_key(cell.model)),
                "data": self._once(("data", cell.benchmark), lambda: self._data_key(cell.benchmark)),
                "code": self.prediction_code(cell),
                "packages": self._once(("packages",), lambda: [*map(_installed, _NUMERIC)]),
            }
        )

    def means(self, cell: Cell) -> str:
        """Return what tells a cell from the others of its model and benchmark, whatever it is called.

        Unlike its key it needs neither data nor model, so that a job knows it with those of its own cells.
        """
        return self._once(("means", cell), lambda: digest(self._axes(cell)))

    def _axes(self, cell: Cell) -> dict[str, Any]:
        return {
            "axes": [self.share_ratio(cell), cell.seed],
            "strategy": plugin_of(self.config, "strategies", cell.strategy),
            "criterion": self._criterion(cell.criterion),
        }

    def score_key(self, cell: Cell) -> str:
        """Return the hash of all that a cell's scores depend on."""
        return self._once(
            ("scores", cell),
            lambda: digest(
                [
                    self.prediction_key(cell),
                    *self._once(("scoring", cell.benchmark), lambda: self._scoring(cell.benchmark)),
                ]
            ),
        )

    def _scoring(self, benchmark: str) -> list[Any]:
        """Return what, beside its predictions, the scores of a benchmark's cells depend on."""
        scorer = self.scorer(benchmark)
        options = [
            self.config["benchmark_specs"][benchmark].get("metrics", []),
            self.config["tables"]["replicates"],
            self.config["tables"]["seed"],
        ]
        code = self._code(
            plugins.PACKAGE / "scoring/score.py",
            plugins.PACKAGE / "cost/ledger.py",
            plugins.PACKAGE / "scoring/positions.py",
            plugins.path("scorers", scorer),
            alone=self.home / "workflow/scripts/score.py",
        )
        return [scorer, options, code]

    def prediction_code(self, cell: Cell) -> str:
        """Return the hash of the code that makes a cell's predictions; planning and scoring do not count."""
        unranked = keeps_unranked(self.config, self.layers(cell.model), cell, self.share_ratio(cell))
        axes = ("prediction code", cell.model, cell.benchmark, cell.strategy, cell.criterion, unranked)
        return self._once(axes, lambda: self._prediction_code(cell, unranked))

    def _prediction_code(self, cell: Cell, unranked: bool) -> str:
        adapter = self.config["benchmark_specs"][cell.benchmark]["adapter"]
        model_type = self.model_config(cell.model).get("model_type", "")
        family = plugins.PACKAGE / "models" / f"{model_type}.py"
        return self._code(
            plugins.PACKAGE / "predict/predict_cells.py",
            plugins.path("benchmarks", adapter),
            plugins.path("strategies", plugin_of(self.config, "strategies", cell.strategy)[0]),
            *(plugins.path("criteria", name) for name in criterion_parts(self.config, cell.criterion)),
            *([plugins.path("criteria", UNRANKED)] if unranked else []),
            *([family] if family.is_file() else []),
            alone=self.home / "workflow/scripts/predict.py",
        )

    def tables_key(self, cells: Sequence[Cell]) -> str:
        """Return the hash of all that the tables of these cells depend on."""
        script = self.home / "workflow/scripts/build_tables.py"
        code = self._code(plugins.PACKAGE / "tables/build.py", alone=script)
        return digest([code, [self.score_key(cell) for cell in cells]])

    def report_key(self) -> str:
        """Return the hash of the code that draws figures and writes the page."""
        names = ("plot_survival.py", "plot_tradeoff.py", "write_report.py")
        scripts = [self.home / "workflow/scripts" / name for name in names]
        return self._code(
            *sorted((plugins.PACKAGE / "report").glob("*")), plugins.PACKAGE / "tables/style.css", *scripts
        )

    def render_key(self) -> str:
        """Return the hash of all that the demo's benchmarks depend on."""
        code = self._code(plugins.PACKAGE / "demo/render_benchmark.py")
        return digest([code, *map(_installed, ("pillow", "numpy", "easy-vqa"))])

    def _criterion(self, criterion: str) -> list[Any]:
        return [] if criterion == "none" else list(plugin_of(self.config, "criteria", criterion))

    def _model_key(self, model: str) -> list[Any]:
        spec = {
            k: v
            for k, v in self.config["model_specs"][model].items()
            if k not in (*_SPEED_ONLY, *_HINTS, "path")
        }
        path = Path(self.model_path(model))
        if path.exists():
            return [spec, self._hashes.of(str(path.resolve()), data_files(path))]
        return [spec, str(path)]

    def _data_key(self, benchmark: str) -> list[Any]:
        spec = {
            k: v
            for k, v in self.config["benchmark_specs"][benchmark].items()
            if k not in (*_SPEED_ONLY, "path", "metrics")
        }
        if self.is_prepared(benchmark):
            return [spec, self.render_key()]
        try:
            files = self.adapter(benchmark).files()
        except NotDownloadedError:
            # A dry run plans with it; nothing is stored under such a key.
            return [spec, "not downloaded"]
        return [spec, self._hashes.of(f"{benchmark} {spec}", files)]

    def _code(self, *files: Path, alone: Path | None = None) -> str:
        return self._once(
            ("code", *files, alone), lambda: self._sources.hash(files, [alone] if alone else [])
        )


def _installed(package: str) -> str | None:
    """Return a package's version without its build (2.13.0+cpu is 2.13.0), None if it is not there."""
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return None
