"""What every cell depends on, and which cells share a job. Imports no torch.

A cell's key is the hash of all that its predictions depend on. Results are kept in a store under their
keys, so a result made by other code, data or options is never taken for the one asked for.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.bundling import bundle_cells
from prunegrid.checks import check_inputs
from prunegrid.config import plugin_of
from prunegrid.data import hub
from prunegrid.errors import ConfigError, NotDownloadedError, PrunegridError
from prunegrid.files import is_whole_parquet, write_text
from prunegrid.fingerprint import Code, HashCache, data_files, digest
from prunegrid.grid import Cell, Grid, criterion_parts, expand, keeps_unranked, needs_answer
from prunegrid.matching import Matches
from prunegrid.store import Store
from prunegrid.strategies.base import UNRANKED

# Model and benchmark settings that change how fast a number comes, but not the number.
_SPEED_ONLY = ("batch_size", "device_map", "jobs_per_bundle")
# Hints for the plan and for whoever runs its jobs.
_HINTS = ("layers", "image_tokens", "mem_mb", "runtime", "gpus")
# Packages whose versions may change a prediction.
_NUMERIC = ("torch", "transformers", "pillow")

# Newer than the markers of jobs whose results have gone.
_NEWER = Path(".snakemake", "prunegrid-lost")


class Plan:
    """The grid of a configuration with the keys of its cells.

    Parameters
    ----------
    config : mapping
        As `prunegrid.config.validate` returns it.
    home : Path
        Folder of the Snakefile: relative paths that do not exist in the working directory are looked
        up there.
    prepared : collection of str, optional
        Files that the rule render_benchmark makes: what makes them stands for their content.
    """

    def __init__(self, config: Mapping[str, Any], home: Path, prepared: Collection[str] = ()) -> None:
        self.config = config
        self.home = home
        self.prepared = frozenset(prepared)
        self._hashes = HashCache(Path(".snakemake", "prunegrid-hashes.json"))
        self._sources = Code(Path(".snakemake", "prunegrid-code.json"))
        self._matches = Matches(
            config, self.model_config, Path(".snakemake", "prunegrid-matches.json"), self._sources
        )
        self._known: dict[tuple, Any] = {}

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

    def model_path(self, model: str) -> str:
        """Return the folder of a model: its own, or its snapshot in the hub cache; else its hub id."""
        spec = self.config["model_specs"][model]
        if self.is_local(spec["path"]) or not hub.is_hub_id(spec["path"]):
            return self._resolve(spec["path"])
        cached = self._once(
            ("snapshot", model), lambda: hub.cached(spec["path"], spec.get("revision"), "model")
        )
        return str(cached or spec["path"])

    def is_local(self, path: str) -> bool:
        """Return whether a path exists in the working directory, at home or beside the Snakefile."""
        return Path(self._resolve(path)).exists()

    def data_path(self, benchmark: str) -> str | None:
        """Return the file or folder of a benchmark, or its hub id; None leaves it to the adapter."""
        path = self.config["benchmark_specs"][benchmark].get("path")
        return None if path is None else self._resolve(path)

    def is_prepared(self, benchmark: str) -> bool:
        """Return whether a rule makes the data of a benchmark."""
        return self.config["benchmark_specs"][benchmark].get("path") in self.prepared

    def model_config(self, model: str) -> dict[str, Any]:
        """Return a model's config.json, or an empty dict where it is not on this machine."""

        def read() -> dict[str, Any]:
            file = Path(self.model_path(model), "config.json")
            return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

        return self._once(("config", model), read)

    def layers(self, model: str) -> int:
        """Return the number of decoder layers, from config.json or model_specs.

        Raises
        ------
        ConfigError
            If neither tells.
        """
        spec = self.config["model_specs"][model]
        config = self.model_config(model)
        text = config.get("text_config", config)
        told, found = spec.get("layers"), text.get("num_hidden_layers")
        if told and found and told != found:
            raise ConfigError(
                f"model_specs.{model}.layers is {told}, but its config.json tells {found}: leave `layers` out"
            )
        found = found or told
        if found is None:
            raise ConfigError(
                f"model_specs.{model}: no config.json tells the number of layers: {spec['path']!r} is "
                + (
                    "a folder without it: give the model's folder, or set `layers`"
                    if self.is_local(spec["path"])
                    else "no folder here (is it misspelt?) and not in the hub cache: "
                    "for a model of the hub, set `layers`"
                )
            )
        return int(found)

    def prediction_key(self, cell: Cell) -> str:
        """Return the hash of all that a cell's predictions depend on."""
        return self._once(("predictions", cell), lambda: self._prediction_key(cell))

    def _prediction_key(self, cell: Cell) -> str:
        return digest(
            {
                "axes": [self.share_ratio(cell), cell.seed],
                "strategy": plugin_of(self.config, "strategies", cell.strategy),
                "criterion": self._criterion(cell.criterion),
                "model": self._once(("model", cell.model), lambda: self._model_key(cell.model)),
                "data": self._once(("data", cell.benchmark), lambda: self._data_key(cell.benchmark)),
                "code": self.prediction_code(cell),
                "packages": self._once(("packages",), lambda: [*map(_installed, _NUMERIC)]),
            }
        )

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
            plugins.PACKAGE / "score.py",
            plugins.PACKAGE / "compute.py",
            plugins.PACKAGE / "positions.py",
            plugins.path("scoring", scorer),
            alone=self.home / "workflow/scripts/score.py",
        )
        return [scorer, options, code]

    def scorer(self, benchmark: str) -> str:
        """Return the scorer of a benchmark's adapter."""
        adapter = self.config["benchmark_specs"][benchmark]["adapter"]
        return plugins.describe("benchmarks", adapter)["scorer"]

    def adapter(self, benchmark: str) -> Any:
        """Return the adapter of a benchmark, on its data."""
        spec = self.config["benchmark_specs"][benchmark]
        adapter = plugins.load("benchmarks", spec["adapter"])
        try:
            return adapter({**spec, "path": self.data_path(benchmark)})
        except PrunegridError as error:
            raise type(error)(f"benchmark_specs.{benchmark}: {error}") from error

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

    def tables_key(self, cells: Sequence[Cell]) -> str:
        """Return the hash of all that the tables of these cells depend on."""
        script = self.home / "workflow/scripts/build_tables.py"
        code = self._code(plugins.PACKAGE / "tables/build.py", alone=script)
        return digest([code, [self.score_key(cell) for cell in cells]])

    def report_key(self) -> str:
        """Return the hash of the code that draws figures and writes the page."""
        names = ("plot_survival.py", "plot_tradeoff.py", "write_report.py")
        scripts = [self.home / "workflow/scripts" / name for name in names]
        return self._code(*sorted((plugins.PACKAGE / "report").glob("*")), *scripts)

    def render_key(self) -> str:
        """Return the hash of all that the demo's benchmarks depend on."""
        code = self._code(plugins.PACKAGE / "demo/benchmarks.py")
        return digest([code, *map(_installed, ("pillow", "numpy", "easy-vqa"))])

    def bundles(self, model: str) -> dict[str, list[Cell]]:
        """Return name -> cells that share a job (see `bundling`); those of one criterion stay together.

        Of cells that differ by name alone, say one strategy under two names, only the first is computed.
        """
        return self._once(("bundles", model), lambda: self._bundles(model))

    def _bundles(self, model: str) -> dict[str, list[Cell]]:
        by_key: dict[tuple[str, str], Cell] = {}
        for cell in self.grid.cells:
            if cell.model == model:
                by_key.setdefault((cell.benchmark, self.prediction_key(cell)), cell)
        order = {name: place for place, name in enumerate(["none", *self.config["criteria"]])}
        cells = sorted(by_key.values(), key=lambda cell: order[cell.criterion])
        return bundle_cells(cells, self.config["bundle_size"], self._n_jobs)

    def bundle_of(self, cell: Cell) -> str:
        """Return the name of the bundle that computes a cell, or one that differs from it by name alone."""
        names = self._once(
            ("bundle names", cell.model),
            lambda: {
                (one.benchmark, self.prediction_key(one)): name
                for name, cells in self.bundles(cell.model).items()
                for one in cells
            },
        )
        return names[cell.benchmark, self.prediction_key(cell)]

    def check_inputs(self) -> list[str]:
        """Check models and data before hours of work; see `prunegrid.checks.check_inputs`."""
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

    def lost(self, model: str, marker: str) -> list[str]:
        """Return a file newer than a job's marker if what the job left in the store has gone, else nothing.

        The store is no output of a rule, so Snakemake cannot see that a file was deleted from it, or cut
        short. As an input, the newer file makes it run the job again.
        """
        file, wanted = Path(marker), self._keys(model)
        if not file.exists():
            return []
        left = json.loads(file.read_text(encoding="utf-8"))
        has_lost = any(
            Store(self.store(model, benchmark)).has_lost({k: f for k, f in files.items() if k in wanted})
            for benchmark, files in left.items()
        )
        return [self._newer] if has_lost else []

    def cut_short(self, published: str) -> list[str]:
        """Return a file newer than published predictions that were cut short, else nothing; see `lost`."""
        return [self._newer] if Path(published).exists() and not is_whole_parquet(published) else []

    def _keys(self, model: str) -> frozenset[str]:
        """Return the keys that the plan wants in the stores of a model."""
        return self._once(
            ("keys", model),
            lambda: frozenset(
                key
                for cell in self.grid.cells
                if cell.model == model
                for key in (self.prediction_key(cell), self.score_key(cell))
            ),
        )

    @cached_property
    def _newer(self) -> str:
        # Another content each time: Snakemake compares checksums of small inputs with those of the last run.
        write_text(_NEWER, str(time.time_ns()))
        return str(_NEWER)

    def _store_of(self, cell: Cell) -> Store:
        return Store(self.store(cell.model, cell.benchmark))

    def _resolve(self, path: str) -> str:
        path = str(Path(path).expanduser()) if path.startswith("~") else path
        if Path(path).exists():
            return path
        at_home = self.home / path
        return str(at_home) if at_home.exists() else path

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
            plugins.PACKAGE / "bundle.py",
            plugins.path("benchmarks", adapter),
            plugins.path("strategies", plugin_of(self.config, "strategies", cell.strategy)[0]),
            *(plugins.path("criteria", name) for name in criterion_parts(self.config, cell.criterion)),
            *([plugins.path("criteria", UNRANKED)] if unranked else []),
            *([family] if family.is_file() else []),
            alone=self.home / "workflow/scripts/predict.py",
        )

    def _code(self, *files: Path, alone: Path | None = None) -> str:
        return self._once(
            ("code", *files, alone), lambda: self._sources.hash(files, [alone] if alone else [])
        )

    def _once(self, key: tuple, compute: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]


def _installed(package: str) -> str | None:
    """Return a package's version without its build (2.13.0+cpu is 2.13.0), None if it is not there."""
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return None
