"""Ratios matched to equal total compute, remembered in a file: a dry run solves nothing twice.

Imports no torch, unless something must be solved that was not solved before: then a model's configuration
has to be completed.
"""

import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.cost.equal_compute import Settings, matched_ratio
from prunegrid.errors import ConfigError, PrunegridError, UnreachableRatioError
from prunegrid.files import read_sealed, write_sealed
from prunegrid.pruning.strategy import Strategy
from prunegrid.source.imports import PACKAGE
from prunegrid.study.config import assumed_sample, plugin_of
from prunegrid.study.fingerprint import Code, digest
from prunegrid.study.grid import parts_of
from prunegrid.study.inputs import StudyInputs


class Matches:
    """Matched ratios of a configuration, remembered in a file: a dry run solves nothing twice.

    Parameters
    ----------
    inputs : StudyInputs
        The configuration, and where its models lie.
    file : Path
        Where results are kept.
    code : Code
        Hashes of our modules.
    """

    def __init__(self, inputs: StudyInputs, file: Path, code: Code) -> None:
        self._inputs, self._config, self._file, self._code = inputs, inputs.config, file, code
        self._known: dict[str, float | str] = read_sealed(file)
        self._new = False
        self._ratios: dict[tuple[str, str, str, float, int], float | str] = {}
        self._codes: dict[frozenset[tuple[str, str]], str] = {}

    def ratio(self, model: str, strategy: str, criterion: str, ratio: float, seed: int) -> float:
        """Return the ratio that a cell's schedule is solved for; see `matched_ratio`.

        A model whose configuration is not on this machine is not matched: nothing of it can be run yet.

        Raises
        ------
        UnreachableRatioError
            If there is none.
        ConfigError
            If the model's configuration does not tell enough.
        """
        axes = (model, strategy, criterion, ratio, seed)
        if axes not in self._ratios:
            self._ratios[axes] = self._solved(*axes)
        found = self._ratios[axes]
        if isinstance(found, str):
            raise UnreachableRatioError(found)
        return found

    def _solved(self, model: str, strategy: str, criterion: str, ratio: float, seed: int) -> float | str:
        """Return a matched ratio, or why there is none, from the file or solved now."""
        config = self._inputs.model_config(model)
        if not ratio or not config:
            return ratio
        options = self._config["tables"]
        settings = self._settings(strategy, criterion)
        reference = self._settings(options["reference_strategy"], options["reference_criterion"])
        assumed = {
            **assumed_sample(self._config),
            "image_tokens": self._config["model_specs"][model].get("image_tokens"),
        }
        asked: tuple[Settings, Settings, float, int, dict[str, Any]]
        asked = settings, reference, ratio, seed, assumed
        code = self._code_of(config.get("model_type"), settings, reference)
        key = digest([_config_hash(json.dumps(config)), asked, code])
        if key not in self._known:
            try:
                self._known[key] = matched_ratio(config, *asked)
            except UnreachableRatioError as error:
                self._known[key] = str(error)
            except PrunegridError as error:
                raise ConfigError(f"match: tflops_total: model_specs.{model}: {error}") from error
            self._new = True
        return self._known[key]

    def save(self) -> None:
        """Write what was solved anew."""
        if self._new:
            write_sealed(self._file, self._known)
            self._new = False

    def _settings(self, strategy: str, criterion: str) -> dict[str, Any]:
        plugin, options = plugin_of(self._config, "strategies", strategy)
        ranking: str | None = None
        ranking_options: dict[str, Any] = {}
        kind: type[Strategy] = plugins.load("strategies", plugin)
        if kind.ranks:
            ranking, ranking_options = plugin_of(self._config, "criteria", criterion)
        return {
            "strategy": plugin,
            "strategy_options": options,
            "criterion": ranking,
            "criterion_options": ranking_options,
        }

    def _code_of(self, model_type: str | None, *settings: Settings) -> str:
        """Return the hash of what results depend on beside settings: our code, and transformers' defaults."""
        names = {("strategies", s["strategy"]) for s in settings}
        for s in settings:
            if s["criterion"]:
                # Whoever scores before a layer books the cost.
                names |= {("criteria", part) for part in parts_of(s["criterion"], s["criterion_options"])}
        if model_type in plugins.names("models"):
            names.add(("models", model_type))
        parts = frozenset(names)
        if parts not in self._codes:
            files = [plugins.path(kind, name) for kind, name in sorted(parts)]
            code = self._code.hash([PACKAGE / "cost/equal_compute.py", *files])
            self._codes[parts] = digest([code, _transformers()])
        return self._codes[parts]


def _transformers() -> str:
    """Return the version of transformers, whose defaults complete a model's configuration."""
    try:
        return version("transformers")
    except PackageNotFoundError as error:
        raise ConfigError(
            "match: tflops_total: transformers is not installed here, but its defaults complete a model's "
            "configuration: install it, or take `match: share`"
        ) from error


@cache
def _config_hash(text: str) -> str:
    return digest(text)
