"""What of a study is done, what is missing, and why. Reads small files only, and imports no torch."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prunegrid.errors import PrunegridError
from prunegrid.files import read_object
from prunegrid.results.predictions import TOO_LARGE
from prunegrid.results.store import SCORES, Store
from prunegrid.study.grid import Cell
from prunegrid.study.markers import parts
from prunegrid.study.plan import Plan
from prunegrid.study.published import is_published

DONE = "done"
ALL_ERRORS = "done, but every row is an error"
NOT_PUBLISHED = "computed and scored, not in place yet"
NOT_SCORED = "computed, not scored yet"
BEGUN = "computed in part"
NOT_COMPUTED = "not computed yet"
NOT_HERE = "not to be computed here"
# In the order of a cell's life, from its end.
STATES = (ALL_ERRORS, NOT_PUBLISHED, NOT_SCORED, BEGUN, NOT_COMPUTED, NOT_HERE)

# As `jobs.job_log` writes them.
_ERROR = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ERROR (.*)$", re.MULTILINE)
# Of a group's rows, and of the values of an axis, that are listed by name.
_MOST_NAMED = 6


@dataclass(frozen=True)
class CellStatus:
    """Where a cell stands.

    Attributes
    ----------
    cell : Cell
    state : str
        DONE or one of STATES.
    why : str
        The last error in the log of its last job, or what is missing; empty if nothing is known.
    n_error : int
        Error rows of a scored cell.
    errors : dict
        Kind of error -> rows.
    """

    cell: Cell
    state: str
    why: str = ""
    n_error: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        """Whether it is not done."""
        return self.state not in (DONE, ALL_ERRORS)


def status(plan: Plan) -> list[CellStatus]:
    """Return where every cell of a plan stands; models and data may be missing."""
    look = _Look(plan)
    return [look.at(cell) for cell in plan.grid.cells]


class _Look:
    """Looks at cells; what they share, folders and logs, is read once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._results = Path(plan.config["results_dir"])
        self._last_errors: dict[Path, str] = {}
        self._begun: dict[Store, set[str]] = {}

    def at(self, cell: Cell) -> CellStatus:
        plan = self._plan
        try:
            key, scores_key = plan.keys.prediction_key(cell), plan.keys.score_key(cell)
        except PrunegridError as error:
            return CellStatus(cell, NOT_HERE, str(error))
        store = plan.store(cell.model, cell.benchmark)
        if not store.has_predictions(key):
            state = BEGUN if key in self._keys_with_shards(store) else NOT_COMPUTED
            return CellStatus(cell, state, self._failure(self._prediction_logs(cell)))
        if not store.has_scores(scores_key):
            # Its bundle may have failed at another cell.
            logs = [self._log("score", cell, plan.bundle_of(cell)), *self._prediction_logs(cell)]
            return CellStatus(cell, NOT_SCORED, self._failure(logs))
        file = store.scores(scores_key) / SCORES
        scores = read_object(file)
        counts, kinds = (scores.get("n"), scores.get("n_error")), scores.get("errors", {})
        if not all(isinstance(count, int) for count in counts) or not isinstance(kinds, dict):
            return CellStatus(cell, NOT_SCORED, f"{file} is damaged: delete {file.parent} and run again")
        state = DONE
        if not is_published(plan, cell):
            state = NOT_PUBLISHED
        elif scores["n"] and scores["n_error"] == scores["n"]:
            state = ALL_ERRORS
        return CellStatus(cell, state, n_error=scores["n_error"], errors=kinds)

    def _keys_with_shards(self, store: Store) -> set[str]:
        if store not in self._begun:
            self._begun[store] = store.begun()
        return self._begun[store]

    def _prediction_logs(self, cell: Cell) -> list[Path]:
        bundle = self._plan.bundle_of(cell)
        names = parts(self._plan, cell.model, bundle)
        return [
            *(self._log("predict", cell, f"{bundle}{part}") for part in names),
            self._log("join", cell, bundle),
        ]

    def _log(self, rule: str, cell: Cell, job: str) -> Path:
        return self._results / "logs" / rule / cell.model / f"{job}.log"

    def _failure(self, logs: Iterable[Path]) -> str:
        """Return the last error of the first log that has one, with the log's path; empty if none does."""
        for log in logs:
            if log not in self._last_errors:
                self._last_errors[log] = _last_error(log)
            if self._last_errors[log]:
                return f"its last job failed: {self._last_errors[log]} (log: {log})"
        return ""


def _last_error(log: Path) -> str:
    try:
        errors = _ERROR.findall(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    # Who stopped a run knows why.
    return errors[-1] if errors and errors[-1] != "KeyboardInterrupt" else ""


def summary(cells: Sequence[CellStatus], n_unreachable: int = 0) -> str:
    """Return how many cells are done, failed, waiting and out of reach, those that were begun, and errors."""
    missing = [one for one in cells if one.missing]
    failed = sum(bool(one.why) for one in missing)
    parts = [
        f"{len(cells) - len(missing)} of {len(cells)} cells are done",
        f"{failed} failed" if failed else "",
        f"{len(missing) - failed} wait" if len(missing) > failed else "",
        f"{n_unreachable} are out of reach" if n_unreachable else "",
    ]
    lines = ["; ".join(filter(None, parts)), *_begun(missing)]
    with_errors = [one for one in cells if one.n_error]
    if with_errors:
        n_all = sum(one.state == ALL_ERRORS for one in with_errors)
        every = f", in {n_all} of them in every row" if n_all else ""
        n_rows = sum(one.n_error for one in with_errors)
        lines.append(f"{n_rows} error rows in {len(with_errors)} cells{every}:")
        kinds = sum((Counter(one.errors) for one in with_errors), Counter[str]())
        lines += [f"  {rows} x {kind}" for kind, rows in kinds.most_common(_MOST_NAMED)]
        lines += [f"  and {len(kinds) - _MOST_NAMED} other kinds"] if len(kinds) > _MOST_NAMED else []
        if kinds[TOO_LARGE]:
            lines.append(
                f"{kinds[TOO_LARGE]} rows did not fit into the device's memory: on a larger one, "
                "--config device_memory_gb=<its GB> has them, and no others, computed again"
            )
    return "\n".join(lines)


def _begun(missing: Sequence[CellStatus]) -> Iterator[str]:
    """Yield where missing cells are that need less than all their work."""
    for state in (NOT_PUBLISHED, NOT_SCORED, BEGUN):
        cells = [one.cell for one in missing if one.state == state]
        if cells:
            yield f"{len(cells)} {state}: {_values(f'{cell.model}/{cell.benchmark}' for cell in cells)}"


def as_text(cells: Sequence[CellStatus], plan: Plan) -> str:
    """Return the whole status for a terminal: the summary, then what is missing, in groups, and why."""
    parts = [summary(cells, len(plan.grid.unreachable))]
    groups: dict[tuple[str, str, str, str], list[Cell]] = {}
    for state in STATES:
        for one in cells:
            if one.state == state:
                key = (state, one.cell.model, one.cell.benchmark, one.why)
                groups.setdefault(key, []).append(one.cell)
    for (state, model, benchmark, why), members in groups.items():
        lines = [f"{model}, {benchmark}: {_count(members)} {state}", *([f"  {why}"] if why else [])]
        parts.append("\n".join([*lines, *(f"  {line}" for line in _rows(members))]))
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in plan.grid.unreachable:
        reasons.setdefault((row.model, row.reason), []).append(row.strategy)
    parts += [
        f"{model}: out of reach for {', '.join(dict.fromkeys(names))}: {reason}"
        for (model, reason), names in reasons.items()
    ]
    return "\n\n".join(parts)


def _count(cells: Sequence[Cell]) -> str:
    return f"{len(cells)} cell{'s' if len(cells) != 1 else ''}"


def _rows(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the cells of a group, those of one strategy and criterion on one line."""
    rows: dict[str, list[Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.method, []).append(cell)
    for name, own in list(rows.items())[:_MOST_NAMED]:
        ratios = _values(cell.ratio_words for cell in own)
        yield f"{name}: ratio {ratios}, seed {_values(str(cell.seed) for cell in own)}"
    if len(rows) > _MOST_NAMED:
        named = sum(len(own) for own in list(rows.values())[:_MOST_NAMED])
        yield f"and {len(cells) - named} cells of {len(rows) - _MOST_NAMED} other rows"


def _values(values: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(values))
    if len(distinct) <= _MOST_NAMED:
        return ", ".join(distinct)
    return f"{', '.join(distinct[:2])} ... {distinct[-1]} ({len(distinct)} values)"
