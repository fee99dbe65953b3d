"""Expand the axes into cells. Imports no torch: a dry run must be instant."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from itertools import product
from typing import Any

from prunegrid import plugins
from prunegrid.axis_names import BASELINE, NO_CRITERION, SHARE, TOTAL, ratio_digits, row_name, with_match
from prunegrid.errors import ConfigError, PruningError, UnreachableRatioError
from prunegrid.nearest import nearest
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy
from prunegrid.study.budgets import Budget, budgets_of
from prunegrid.study.config import as_list, matchings, own_ratios, plugin_of
from prunegrid.study.handed_layers import cannot_score
from prunegrid.study.method_specs import criteria_of
from prunegrid.study.plugin_checks import check_cuts, solved


@dataclass(frozen=True)
class Cell:
    """One cell of the grid: what is run over one benchmark, and where its results lie.

    Attributes
    ----------
    model, benchmark, strategy, criterion : str
    ratio : float
    seed : int
    match : str
        What is equal at its ratio, in a study of several matchings; empty in others, and without a ratio.
    """

    model: str
    benchmark: str
    strategy: str
    criterion: str
    ratio: float
    seed: int
    match: str = ""

    @property
    def axes(self) -> dict[str, Any]:
        """What tells it from other cells; `match` only where it is not empty."""
        return {axis: value for axis, value in vars(self).items() if axis != "match" or value}

    @property
    def method(self) -> str:
        """How lines for people call what it runs: the strategy, and the criterion if there is one."""
        return row_name(self.strategy, self.criterion)

    @property
    def label(self) -> str:
        """How lines for people call it among the cells of its model and benchmark."""
        return f"{self.method}, ratio {self.ratio_words}, seed {self.seed}"

    @property
    def ratio_words(self) -> str:
        """Its ratio for people, with what is equal there."""
        return with_match(ratio_digits(self.ratio), self.match)

    @property
    def ratio_name(self) -> str:
        """Its ratio in folders: those of equal share keep the place that they have in other studies."""
        own = "" if self.match in ("", SHARE) else f"-{self.match}"
        return f"{ratio_digits(self.ratio)}{own}"

    @property
    def folder(self) -> str:
        """Folder relative to the results folder."""
        return (
            f"{self.model}/{self.benchmark}/{self.strategy}/{self.criterion}/"
            f"ratio-{self.ratio_name}/seed-{self.seed}"
        )


@dataclass(frozen=True)
class Unreachable:
    """A configured combination that cannot be run: left out, and shown as a dash in tables.

    No schedule reaches it, or, if it names a benchmark, the data of that one do not suffice.
    """

    model: str
    strategy: str
    criterion: str
    ratio: float
    seed: int
    match: str
    reason: str
    benchmark: str | None = None


@dataclass(frozen=True)
class Grid:
    """All cells of a configuration, in the order of its lists.

    Attributes
    ----------
    cells : tuple of Cell
        Those that are run.
    unreachable : tuple of Unreachable
        What cannot be run.
    n_excluded : int
        How many more there would be without `exclude`.
    """

    cells: tuple[Cell, ...]
    unreachable: tuple[Unreachable, ...] = field(default=())
    n_excluded: int = 0


# Takes model, strategy, criterion, ratio and seed; returns the ratio to solve for, or raises that none is.
Match = Callable[[str, str, str, float, int], float]
# Takes model, strategy or method, and criterion; returns why they cannot serve the model's family, or None.
Serves = Callable[[str, str, str], str | None]
# Takes benchmark and strategy; returns why the benchmark's data do not suffice for it, or None.
Lacks = Callable[[str, str], str | None]


def expand(
    config: Mapping[str, Any],
    layers: Mapping[str, int],
    match: Match | None = None,
    lacks: Lacks = lambda benchmark, strategy: None,
    cannot: Serves = lambda model, strategy, criterion: None,
    image_tokens: Callable[[str], int] | None = None,
) -> Grid:
    """Expand a validated configuration.

    Parameters
    ----------
    config : mapping
        As `prunegrid.study.config.validate` returns it.
    layers : mapping
        Model name -> number of decoder layers.
    match : callable, optional
        Returns the ratio at which a cell has equal total compute; see `prunegrid.cost.equal_compute`.
    lacks : callable, optional
        Tells what cannot be run on a benchmark's data.
    cannot : callable, optional
        Tells which methods and criteria cannot serve a model.
    image_tokens : callable, optional
        Model -> image tokens of a picture; needed where budgets are written in tokens.

    Raises
    ------
    ConfigError
        If nothing is left, a strategy's options do not fit a model (a method is then left out), its cuts are
        none, or seeds are asked for of what has none.
    """
    _check_seeds(config)
    for name in [*config["strategies"], *config["methods"]]:
        plugin, options = plugin_of(config, "strategies", name)
        for n_layers in sorted(set(layers.values())):
            file = plugins.path("strategies", plugin)
            check_cuts(plugins.build("strategies", plugin, options), file, n_layers)
    cells: list[Cell] = []
    unreachable: list[Unreachable] = []
    excluded = CellsNamed(config, config["exclude"])
    n_excluded = 0
    for model in config["models"]:
        rows = list(_rows(config, budgets_for(config, model, layers[model], image_tokens)))
        reached = {
            row: cannot(model, *row[:2]) or _reason(config, layers[model], match, model, *row) for row in rows
        }
        unreachable += [Unreachable(model, *row, reason) for row, reason in reached.items() if reason]
        for benchmark in config["benchmarks"]:
            for row in rows:
                cell = Cell(model, benchmark, *row)
                if reached[row] is not None:
                    continue
                if cell in excluded:
                    n_excluded += 1
                elif reason := lacks(benchmark, cell.strategy):
                    unreachable.append(Unreachable(model, *row, reason, benchmark))
                else:
                    cells.append(cell)
    if not cells:
        raise ConfigError("the grid is empty: every cell is excluded or out of reach")
    return Grid(tuple(cells), tuple(unreachable), n_excluded)


def budgets_for(
    config: Mapping[str, Any],
    model: str,
    n_layers: int,
    image_tokens: Callable[[str], int] | None,
) -> list[Budget]:
    """Return the budgets of a study for one of its models; arguments are those of `expand`.

    Raises
    ------
    ConfigError
        If the model has no such budget.
    """
    if config["tokens"] and image_tokens is None:
        raise ConfigError("tokens: how many image tokens a picture has is not known")
    n_tokens = image_tokens(model) if config["tokens"] and image_tokens is not None else None
    try:
        return budgets_of(config, n_layers, n_tokens)
    except ConfigError as error:
        raise ConfigError(f"model {model!r}: {error}") from error


def _rows(
    config: Mapping[str, Any], budgets_of_model: Sequence[Budget]
) -> Iterator[tuple[str, str, float, int, str]]:
    """Yield (strategy, criterion, ratio, seed, match), the baseline first, methods last."""
    strategies = [BASELINE, *(name for name in config["strategies"] if name != BASELINE)]
    named = matchings(config) if len(matchings(config)) > 1 else [""]
    for strategy in [*strategies, *config["methods"]]:
        plugin = _strategy(config, strategy)
        ratios = own_ratios(config, strategy) or [budget.ratio for budget in budgets_of_model]
        budgets = [*product(map(float, ratios), named)] if plugin.has_ratio else [(0.0, "")]
        if strategy in config["methods"]:
            criteria = criteria_of(config, strategy)
        else:
            criteria = config["criteria"] if plugin.ranks else [NO_CRITERION]
        for criterion in criteria:
            drawn = [("strategy_specs", strategy)] if plugin.stochastic else []
            if plugin.ranks and is_stochastic(config, criterion):
                drawn.append(("criterion_specs", criterion))
            for ratio, match in budgets:
                for seed in _seeds(config, drawn):
                    yield strategy, criterion, ratio, seed, match


def _seeds(config: Mapping[str, Any], drawn: Sequence[tuple[str, str]]) -> Sequence[int]:
    """Return the seeds of a cell whose parts in `drawn`, (specs, name), are random."""
    own = [n for specs, name in drawn if (n := config[specs].get(name, {}).get("n_seeds"))]
    if own:
        return range(max(own))
    return config["seeds"] if drawn else [0]


def _check_seeds(config: Mapping[str, Any]) -> None:
    """Refuse what asks for seeds of a name that does not depend on them."""
    faults = []
    for axis, specs in (("strategies", "strategy_specs"), ("criteria", "criterion_specs")):
        for name in config[axis]:
            asked = config[specs].get(name, {}).get("n_seeds")
            if asked and not _is_random(config, axis, name):
                faults.append(f"{specs}.{name}.n_seeds: nothing of {name!r} depends on a seed")
    random = {
        name
        for name in config["methods"]
        if _strategy(config, name).stochastic
        or any(is_stochastic(config, own) for own in criteria_of(config, name))
    }
    faults += [
        f"method_specs.{name}.n_seeds: nothing of {name!r} depends on a seed"
        for name in config["methods"]
        if "n_seeds" in config["method_specs"].get(name, {}) and name not in random
    ]
    for name in config["tables"]["best_of"]:
        if name not in config["criteria"]:
            valid = [c for c in config["criteria"] if is_stochastic(config, c)]
            faults.append(f"tables.best_of: {name!r} is not in criteria: {nearest(name, valid)}")
        elif not is_stochastic(config, name):
            faults.append(f"tables.best_of: nothing of {name!r} depends on a seed, so there is no best one")
    if faults:
        raise ConfigError("\n".join(faults))


def _is_random(config: Mapping[str, Any], axis: str, name: str) -> bool:
    if axis == "criteria":
        return is_stochastic(config, name)
    return _strategy(config, name).stochastic


def draws_schedule(config: Mapping[str, Any], strategy: str) -> bool:
    """Return whether a strategy's cuts depend on the seed; `mismatched` draws images, and cuts nothing."""
    plugin = _strategy(config, strategy)
    return plugin.stochastic and plugin.has_ratio


def _strategy(config: Mapping[str, Any], name: str) -> type[Strategy]:
    plugin: type[Strategy] = plugins.load("strategies", plugin_of(config, "strategies", name)[0])
    return plugin


def is_stochastic(config: Mapping[str, Any], criterion: str) -> bool:
    """Return whether a criterion, or one that it hands its work to, depends on the seed."""
    return any(part.get("stochastic", False) for part in criterion_parts(config, criterion).values())


def needs_answer(config: Mapping[str, Any], criterion: str) -> bool:
    """Return whether a criterion, or one that it hands its work to, needs the unpruned answer."""
    return any(part.get("needs_answer", False) for part in criterion_parts(config, criterion).values())


def criterion_of(config: Mapping[str, Any], criterion: str) -> tuple[str, dict[str, Any]] | None:
    """Return (plug-in, options) that a criterion's name stands for, None where there is none."""
    return None if criterion == NO_CRITERION else plugin_of(config, "criteria", criterion)


def criterion_parts(config: Mapping[str, Any], criterion: str) -> dict[str, dict[str, Any]]:
    """Return plug-in name -> description of a criterion and of those that it hands its work to."""
    named = criterion_of(config, criterion)
    return {} if named is None else parts_of(*named)


def parts_of(plugin: str, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return plug-in name -> description of a criterion's plug-in and of those that its options name."""
    parts: dict[str, dict[str, Any]] = {}
    waiting = [(plugin, options)]
    while waiting:
        plugin, options = waiting.pop()
        if plugin not in parts:
            described = plugins.describe("criteria", plugin)
            parts[plugin] = described
            waiting += [(part, {}) for part in plugins.handed_to(described, options)]
    return parts


def _reason(
    config: Mapping[str, Any],
    n_layers: int,
    match: Match | None,
    model: str,
    strategy: str,
    criterion: str,
    ratio: float,
    seed: int,
    matching: str,
) -> str | None:
    """Return why a ratio is out of a strategy's reach, or its cuts out of the criterion's, or None."""
    try:
        asked = _schedule(config, n_layers, model, strategy, ratio, seed)
        named = criterion_of(config, criterion)
        if named is not None and isinstance(asked, Schedule) and (fault := cannot_score(*named, asked)):
            return fault
        if match is not None and is_total(config, matching):
            ratio = match(model, strategy, criterion, ratio, seed)
        found = _schedule(config, n_layers, model, strategy, ratio, seed)
        return found if isinstance(found, str) else None
    except UnreachableRatioError as error:
        return str(error)
    except PruningError as error:
        if strategy in config["methods"]:
            # Published layers need not fit every model of a study.
            return f"{strategy} does not fit {n_layers} layers: {error}"
        raise ConfigError(f"strategy {strategy!r} on model {model!r} ({n_layers} layers): {error}") from error


def is_total(config: Mapping[str, Any], match: str) -> bool:
    """Return whether total compute is what is equal at a cell's ratio; `match` is the cell's."""
    return (match or matchings(config)[0]) == TOTAL


def keeps_unranked(config: Mapping[str, Any], n_layers: int, cell: Cell, ratio: float) -> bool:
    """Return whether a cell keeps some image tokens of those that its strategy does not have ranked.

    Which ones, the criterion `prunegrid.pruning.strategy.UNRANKED` says.

    Parameters
    ----------
    config : mapping
        As `prunegrid.study.config.validate` returns it.
    n_layers : int
        Decoder layers of the cell's model.
    cell : Cell
    ratio : float
        What its schedule is solved for: its ratio, or the matched one.
    """
    described = plugins.describe("strategies", plugin_of(config, "strategies", cell.strategy)[0])
    if described["ranks"]:
        return False
    found = schedule_of(config, n_layers, cell, ratio)
    return not isinstance(found, str) and any(share > 0 for _, share in found.cuts)


def schedule_of(config: Mapping[str, Any], n_layers: int, cell: Cell, ratio: float) -> Schedule | str:
    """Return the schedule of a cell, or why there is none; arguments are those of `keeps_unranked`."""
    return _schedule(config, n_layers, cell.model, cell.strategy, ratio, cell.seed)


def _schedule(
    config: Mapping[str, Any], n_layers: int, model: str, strategy: str, ratio: float, seed: int
) -> Schedule | str:
    """Return the schedule of a strategy's name, or why there is none."""
    plugin, options = plugin_of(config, "strategies", strategy)
    frozen = tuple(sorted((key, _hashable(value)) for key, value in options.items()))
    return _solve(plugin, frozen, ratio, n_layers, seed, config["model_specs"][model].get("image_tokens"))


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


@cache
def _solve(
    plugin: str,
    options: tuple[tuple[str, Any], ...],
    ratio: float,
    n_layers: int,
    seed: int,
    n_tokens: int | None,
) -> Schedule | str:
    built: Strategy = plugins.build("strategies", plugin, dict(options))
    try:
        return solved(built, plugins.path("strategies", plugin), ratio or None, n_layers, seed, n_tokens)
    except UnreachableRatioError as error:
        return str(error)


class CellsNamed:
    """The cells that entries name, each by values of some axes, as those of `exclude`.

    Entries are the bits of a number: a study may have hundreds of them.

    Parameters
    ----------
    config : mapping
        As `prunegrid.study.config.validate` returns it.
    entries : sequence of mapping
        Axis -> a value or several.
    """

    def __init__(self, config: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> None:
        if len(matchings(config)) == 1:
            entries = _of_only(matchings(config)[0], entries)
        axes = [axis.name for axis in fields(Cell)]
        # Of an axis: the entries that say nothing of it, and those that name a value.
        self._silent = dict.fromkeys(axes, 0)
        self._naming: dict[str, dict[Any, int]] = {axis: {} for axis in axes}
        for place, entry in enumerate(entries):
            for axis in axes:
                if axis not in entry:
                    self._silent[axis] |= 1 << place
                    continue
                for value in as_list(entry[axis]):
                    self._naming[axis][value] = self._naming[axis].get(value, 0) | 1 << place

    def __contains__(self, cell: Cell) -> bool:
        """Return whether an entry holds for a cell on every axis."""
        holding = -1
        for axis, value in vars(cell).items():
            holding &= self._silent[axis] | self._naming[axis].get(value, 0)
        return holding != 0


def _of_only(match: str, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries that name a study's only matching, or none, without it: no cell of it says it."""
    return [
        {axis: value for axis, value in entry.items() if axis != "match"}
        for entry in entries
        if match in as_list(entry.get("match", match))
    ]
