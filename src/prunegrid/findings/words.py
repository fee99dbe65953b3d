"""Findings as sentences: the same words for the same relation, whoever says them."""

from collections.abc import Iterable, Sequence

import numpy as np

from prunegrid.axis_names import with_match
from prunegrid.findings.found_difference import (
    AVERAGE,
    BEST,
    BETTER,
    DEGENERATE,
    LEADERS,
    NEEDS_ANSWER,
    NOT_TESTED,
    NOT_TOLD,
    UNPRUNED,
    WORSE,
    FoundDifference,
)
from prunegrid.tables.signs import p_value, signed

# How a note begins that tells of draws.
_DRAWN = "is over"


def budget(ratio: float, match: str) -> str:
    """Return `ratio 0.75, equal total compute`."""
    return with_match(f"ratio {ratio:g}", match)


def question(kind: str, fixed: str) -> str:
    """Return what is varied, and what is held: `strategies with attention`."""
    if not fixed:
        return "strategies on average" if kind == "strategy" else "criteria on average"
    return f"strategies with {fixed}" if kind == "strategy" else f"criteria in {fixed}"


def unit(metric: str) -> str:
    """Return what a difference x 100 is counted in."""
    return {"cider": "points of CIDEr", "kept": "points of score kept"}.get(metric, "points")


def numbers(found: FoundDifference) -> str:
    """Return the difference with interval and corrected p."""
    told = f"{signed(found.difference)} {unit(found.metric)}, 95 % interval {_span(found)}"
    p = f"corrected p {p_value(found.p_corrected)}" if np.isfinite(found.p_corrected) else "not tested"
    return f"{told}, {p}"


def cost(found: FoundDifference) -> str:
    """Return the total compute of both, and measured time; empty where neither is known."""
    if np.isnan(found.compute_share):
        return ""
    text = f"at {100 * found.compute_share:.1f} % of the unpruned model's total compute"
    if np.isfinite(found.object_compute_share):
        text += f" ({found.object}: {100 * found.object_compute_share:.1f} %)"
    if np.isfinite(found.prefill_ms) and np.isfinite(found.unpruned_prefill_ms):
        text += f", prefill {found.prefill_ms:.1f} ms (unpruned: {found.unpruned_prefill_ms:.1f} ms)"
    return text


def noted(found: FoundDifference) -> str:
    """Return the subject with what a reader has to know of it."""
    notes = [*found.notes, *([f"too few {found.too_few}"] if found.too_few else [])]
    return f"{found.subject} ({'; '.join(notes)})" if notes else found.subject


def sentence(found: FoundDifference) -> str:
    """Return a finding as a sentence of its own."""
    if found.about == AVERAGE:
        where = f"{with_match(f'mean over {found.over}', found.match)}: "
    else:
        asked = question(found.question, found.fixed)
        where = f"{found.benchmark}, {budget(found.ratio or 0.0, found.match)}, {asked}: "
    subject = noted(found)
    if found.relation == BEST:
        says = (
            f"{subject} is the best of the {found.rivals} that are ranked, told from every other one; the "
            f"hardest to tell from it is {found.object} ({numbers(found)})"
        )
    elif found.about == LEADERS:
        says = f"{subject} has the highest value and cannot be told from {found.object} ({numbers(found)})"
    elif found.relation == NOT_TESTED:
        says = f"{subject} was not tested against {found.object} ({numbers(found)})"
    elif found.about == UNPRUNED:
        verb = {BETTER: "gains on", WORSE: "loses to", NOT_TOLD: NOT_TOLD}[found.relation]
        excluded = "; a loss beyond the margin is excluded" if found.no_loss else ""
        says = f"{subject} {verb} {found.object} ({numbers(found)}{excluded})"
    else:
        verb = found.relation if found.relation == NOT_TOLD else f"is {found.relation}"
        says = f"{subject} {verb} {found.object} ({numbers(found)})"
    priced = cost(found)
    return f"{where}{says}{f', {priced}' if priced else ''}."


def in_brackets(found: FoundDifference) -> str:
    """Return difference, interval and corrected p as in a list: `+5.1 (2.0 to 8.2; p 0.004)`."""
    tested = np.isfinite(found.p_corrected)
    p = f"p {p_value(found.p_corrected)}" if tested else "not tested"
    few = f"; too few {found.too_few}" if found.too_few else ""
    return f"{signed(found.difference)} ({_span(found)}; {p}{few})"


def told_in_full(findings: Sequence[FoundDifference]) -> str:
    """Return subjects with all their numbers."""
    texts = []
    for one in findings:
        answer = f", which {NEEDS_ANSWER}," if NEEDS_ANSWER in one.notes and one.relation == BETTER else ""
        texts.append(" ".join(filter(None, (f"{one.subject}{answer}", in_brackets(one), cost(one)))))
    return "; ".join(texts)


def told_in_short(findings: Iterable[FoundDifference]) -> str:
    """Return subjects, each with its difference: `exit -40.1, single -5.1`."""
    return ", ".join(f"{_named(one)} {signed(one.difference)}" for one in findings)


def by_benchmark(findings: Iterable[FoundDifference], benchmarks: Sequence[str]) -> str:
    """Return subjects, joined by where they are so: `exit and single on pope; random on all`."""
    where: dict[str, list[str]] = {}
    for one in findings:
        where.setdefault(_named(one), []).append(one.benchmark)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, own in where.items():
        groups.setdefault(tuple(own), []).append(name)
    several = len(benchmarks) > 1
    texts = []
    for places, names in groups.items():
        on = "all" if len(places) == len(benchmarks) else joined(places)
        texts.append(f"{joined(names)} on {on}" if several else joined(names))
    return "; ".join(texts)


def remarks(findings: Iterable[FoundDifference], *, ranked: bool = False) -> str:
    """Return what a reader has to know of what is said of subjects; empty where there is nothing.

    A gain is told with all that weakens it; of what is no gain, only that the budget was another one or that
    nothing can be gained by it, and where it is told how many are `ranked`, which are not. The rest stands in
    the warnings and in the tables.
    """
    notes: dict[str, list[str]] = {}
    for one in findings:
        for note in one.notes:
            beside = note == NEEDS_ANSWER and one.relation == BETTER
            unranked = note == DEGENERATE and not ranked
            minor = one.relation != BETTER and (unranked or note.startswith(_DRAWN))
            if not beside and not minor:
                notes.setdefault(note, []).append(one.subject)
    texts = []
    for note, subjects in notes.items():
        names = list(dict.fromkeys(subjects))
        hence = ", hence not ranked" * (note in (NEEDS_ANSWER, DEGENERATE))
        texts.append(f"{joined(names)} {note if len(names) == 1 else _plural(note)}{hence}")
    return f" Note: {'; '.join(texts)}." if texts else ""


def _plural(note: str) -> str:
    """Return a note of one subject as one of several."""
    verb, _, rest = note.partition(" ")
    plural = {"needs": "need", "leaves": "leave", "removes": "remove", "is": "are", "has": "have"}
    return f"{plural[verb]} {rest}"


def _named(found: FoundDifference) -> str:
    return f"{found.subject} (too few {found.too_few})" if found.too_few else found.subject


def joined(names: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def capital(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]


def _span(found: FoundDifference) -> str:
    return f"{signed(found.low)} to {signed(found.high)}"
