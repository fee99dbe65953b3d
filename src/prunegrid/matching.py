"""`match: tflops_total`: rows at one ratio cost the same in total, instead of removing the same share.

The target at a ratio is what the reference cell costs there: tower, prefill, scoring and decoding of the
prompt that the configuration's `compute_plan` assumes. Every other cell's one free parameter is solved for
that target; to what predicts, it is then a cell of another ratio. Imports no torch, unless something must be
solved that was not solved before: then a model's configuration has to be completed.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.compute import expected_compute
from prunegrid.config import plugin_of
from prunegrid.errors import ConfigError, PrunegridError, UnreachableRatioError
from prunegrid.files import write_text
from prunegrid.fingerprint import Code, digest
from prunegrid.tables.options import MATCH_TOLERANCE

# Ratios are tried in steps of one millionth.
_UNIT = 1_000_000
# Twice the tolerance of strategies, so that no ratio within their reach is stepped over.
_STEP = 10_000
_SCAN = 500

# strategy, strategy_options, criterion, criterion_options of `expected_compute`.
Settings = Mapping[str, Any]


def matched_ratio(
    config: Mapping[str, Any],
    settings: Settings,
    reference: Settings,
    ratio: float,
    seed: int,
    assumed: Mapping[str, Any],
) -> float:
    """Return the ratio at which a cell costs in total what the reference costs at `ratio`.

    Parameters
    ----------
    config : mapping
        The model's configuration.
    settings, reference : mapping
        The cell's and the reference's `strategy`, `strategy_options`, `criterion`, `criterion_options`.
    ratio : float
        Ratio of the reference.
    seed : int
        Seed of the cell's schedule.
    assumed : mapping
        `image_tokens`, `text_before`, `text_after`, `generated` of `expected_compute`.

    Returns
    -------
    float
        A multiple of one millionth whose total is within 0.5 % of the target, or else the nearest that
        whole tokens allow.

    Raises
    ------
    UnreachableRatioError
        If the cell costs more, or less, at every ratio.
    """
    target = expected_compute(config, ratio=ratio, seed=0, **reference, **assumed)["tflops_total"]

    @cache
    def total(millionths: int) -> float | None:
        """Total relative to the target; None where the strategy does not reach the ratio."""
        if not 0 < millionths < _UNIT:
            return None
        try:
            found = expected_compute(config, ratio=millionths / _UNIT, seed=seed, **settings, **assumed)
        except UnreachableRatioError:
            return None
        if found["tflops_scoring"] > target:
            raise UnreachableRatioError(
                f"ratio {ratio:.3f} at equal total compute is out of reach: scoring alone takes "
                f"{found['tflops_scoring'] / target:.2f} times the reference's total"
            )
        return found["tflops_total"] / target

    def miss(millionths: int) -> float:
        found = total(millionths)
        return float("inf") if found is None else abs(found - 1)

    start = round(ratio * _UNIT)
    if total(start) == 1:
        return ratio
    low, high = _bracket(total, start)
    while high - low > 1:
        middle = (low + high) // 2
        found = total(middle)
        # Where the middle is out of reach, so is one of the ends: go towards the other one.
        more = total(low) is None if found is None else found > 1
        low, high = (middle, high) if more else (low, middle)
    best = min((low, high), key=miss)
    if miss(best) > MATCH_TOLERANCE:
        # Drawn schedules jump where another draw is accepted.
        best = min([best, *range(best - _STEP, best + _STEP, _SCAN)], key=miss)
    if miss(best) > MATCH_TOLERANCE and None in (total(low), total(high)):
        bound = "at least" if total(best) > 1 else "at most"
        raise UnreachableRatioError(
            f"ratio {ratio:.3f} at equal total compute is out of reach: it takes {bound} "
            f"{total(best):.3f} times the reference's total"
        )
    return best / _UNIT


def _bracket(total: Callable[[int], float | None], start: int) -> tuple[int, int]:
    """Return two ratios between which the total falls to the target, or the strategy's reach ends.

    At least one of them is within reach.
    """
    if total(start) is None:
        # A strategy ends at some highest ratio; a schedule that is given has but one, which may be higher.
        tried = [*range(start, 0, -_STEP), *range(start, _UNIT, _STEP)]
        start = next((k for k in tried if total(k) is not None), None)
        if start is None:
            raise UnreachableRatioError("no ratio is within reach")
    step = _STEP if total(start) > 1 else -_STEP
    end = start
    while (found := total(end)) is not None and (found > 1) == (step > 0):
        start, end = end, end + step
    return min(start, end), max(start, end)


class Matches:
    """Matched ratios of a configuration, remembered in a file: a dry run solves nothing twice.

    Parameters
    ----------
    config : mapping
        As `prunegrid.config.validate` returns it.
    model_config : callable
        Model name -> its config.json, empty where it is not on this machine.
    file : Path
        Where results are kept.
    code : Code
        Hashes of our modules.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        model_config: Callable[[str], Mapping[str, Any]],
        file: Path,
        code: Code,
    ) -> None:
        self._config, self._model_config, self._file, self._code = config, model_config, file, code
        try:
            self._known = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}
        self._new = False
        self._ratios: dict[tuple, float | str] = {}
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
        config = self._model_config(model)
        if not ratio or not config:
            return ratio
        options = self._config["tables"]
        settings = self._settings(strategy, criterion)
        reference = self._settings(options["reference_strategy"], options["reference_criterion"])
        assumed = {
            **self._config["compute_plan"],
            "image_tokens": self._config["model_specs"][model].get("image_tokens"),
        }
        asked = [settings, reference, ratio, seed, assumed]
        key = digest([_config_hash(json.dumps(config)), asked, self._code_of(settings, reference)])
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
            write_text(self._file, json.dumps(self._known))
            self._new = False

    def _settings(self, strategy: str, criterion: str) -> dict[str, Any]:
        plugin, options = plugin_of(self._config, "strategies", strategy)
        ranking, ranking_options = None, {}
        if plugins.load("strategies", plugin).ranks:
            ranking, ranking_options = plugin_of(self._config, "criteria", criterion)
        return {
            "strategy": plugin,
            "strategy_options": options,
            "criterion": ranking,
            "criterion_options": ranking_options,
        }

    def _code_of(self, *settings: Settings) -> str:
        """Return the hash of what results depend on beside settings: our code, and transformers' defaults."""
        names = {("strategies", s["strategy"]) for s in settings}
        names |= {("criteria", s["criterion"]) for s in settings if s["criterion"]}
        parts = frozenset(names)
        if parts not in self._codes:
            files = [plugins.path(kind, name) for kind, name in sorted(parts)]
            code = self._code.hash([plugins.PACKAGE / "compute.py", Path(__file__), *files])
            self._codes[parts] = digest([code, version("transformers")])
        return self._codes[parts]


@cache
def _config_hash(text: str) -> str:
    return digest(text)
