"""One line for what belongs together, most important first (docs/findings.md, Order)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from prunegrid.axis_names import NO_CRITERION, with_match
from prunegrid.findings import words
from prunegrid.findings.found_difference import (
    AVERAGE,
    BEST,
    BETTER,
    LEADERS,
    NOT_TESTED,
    NOT_TOLD,
    REFERENCE,
    UNPRUNED,
    WORSE,
    FoundDifference,
    Statement,
)
from prunegrid.tables.options import SCALE, TableOptions

# What a page shows before the fold, at most.
_SHOWN = 12
# Of the other criteria and strategies, with which something is better than the reference: at most so many.
_SHOWN_BESIDE = 4
# So many places are named where comparisons do not follow an average.
_PLACES = 4
_Budget = tuple[float, str]


def statements_of(findings: Sequence[FoundDifference], options: TableOptions) -> list[Statement]:
    """Return what is said of one model, most important first; what comes before the fold is `shown`.

    Parameters
    ----------
    findings : sequence of FoundDifference
        Of its two tables and its averages, in the order of these.
    options : TableOptions
        Names the references.
    """
    of_rows = [one for one in findings if one.ratio is not None]
    budgets: list[_Budget] = list(dict.fromkeys((one.ratio or 0.0, one.match) for one in of_rows))
    budgets.sort(key=lambda budget: -budget[0])
    said = [*_averages([one for one in findings if one.about == AVERAGE], of_rows)]
    for ratio in dict.fromkeys(ratio for ratio, _ in budgets):
        here = [budget for budget in budgets if budget[0] == ratio]
        for budget in here:
            said += _losses(_at(of_rows, budget), options)
        lists = [
            [*_of_block(*_main_and_others(_at(of_rows, budget), kind, options))]
            for budget in here
            for kind in ("strategy", "criterion")
        ]
        # The questions take turns, so that neither hides below the fold.
        said += [one for turn in zip_longest(*lists) for one in turn if one is not None]
    shown = [replace(one, shown=place < _SHOWN) for place, one in enumerate(said)]
    others = [one for budget in budgets for one in _other_blocks(_at(of_rows, budget), options)]
    # What goes against the lines above stands beside them.
    against = [one for one in others if any(found.relation == BETTER for found in one.findings)]
    beside = {id(one) for one in against[:_SHOWN_BESIDE]}
    return shown + [replace(one, shown=id(one) in beside) for one in others]


def _at(findings: Iterable[FoundDifference], budget: _Budget) -> list[FoundDifference]:
    return [one for one in findings if (one.ratio, one.match) == budget]


def _main(found: FoundDifference, kind: str, options: TableOptions) -> bool:
    """Return whether a finding is of a question's first block: the reference on the other axis."""
    other = options.reference_criterion if kind == "strategy" else options.reference_strategy
    return found.question == kind and found.fixed in (other, NO_CRITERION) and _of_question(found, options)


def _of_question(found: FoundDifference, options: TableOptions) -> bool:
    """Return whether a finding answers the block's question: its highest, or compared with its reference."""
    name = options.reference_strategy if found.question == "strategy" else options.reference_criterion
    return found.about == LEADERS or (found.about == REFERENCE and found.object == name)


def _main_and_others(
    findings: Sequence[FoundDifference], kind: str, options: TableOptions
) -> tuple[list[FoundDifference], list[FoundDifference]]:
    """Return the findings of a question's first block, and what beats the reference in its others."""
    main = [one for one in findings if _main(one, kind, options)]
    others = [
        one
        for one in findings
        if one.question == kind and one.relation == BETTER and one.about == REFERENCE
        if _of_question(one, options) and not _main(one, kind, options)
    ]
    return main, others


def _averages(findings: Sequence[FoundDifference], of_rows: Sequence[FoundDifference]) -> Iterator[Statement]:
    for kind, match in dict.fromkeys((one.question, one.match) for one in findings):
        own = [one for one in findings if (one.question, one.match) == (kind, match)]
        against = _against_averages(own, of_rows)
        parts = []
        for relation, verb in (
            (BETTER, f"Better than {own[0].object}"),
            (WORSE, "Worse"),
            (NOT_TOLD, "Cannot be told from it"),
            (NOT_TESTED, "Not tested"),
        ):
            some = sorted((o for o in own if o.relation == relation), key=lambda one: -abs(one.difference))
            if some or relation == BETTER:
                # Said at once, as what follows may be cut off.
                partly = _in_part([one for one in against if one.relation == BETTER == relation])
                parts.append(f"{verb}: {words.told_in_full(some) or 'none'}{partly}.")
        if against:
            parts.append(_said_against(against, own[0].object, of_rows))
        over = with_match(own[0].over, match)
        topic = f"{words.question(kind, '')} ({over}), points of score kept"
        yield _statement(topic, " ".join(parts) + words.remarks(own), [*own, *against])


def _against_averages(
    averages: Sequence[FoundDifference], of_rows: Sequence[FoundDifference]
) -> list[FoundDifference]:
    """Return the tested comparisons of rows with the reference that averages of one axis do not show."""
    told = {one.subject: one.relation for one in averages}
    kind, match, reference = averages[0].question, averages[0].match, averages[0].object
    return [
        one
        for one in of_rows
        if (one.about, one.question, one.match, one.object) == (REFERENCE, kind, match, reference)
        # What is worse goes against an average that is better, and no other.
        and one.subject in told
        and one.relation == (WORSE if told[one.subject] == BETTER else BETTER)
    ]


def _in_part(findings: Sequence[FoundDifference]) -> str:
    """Return what is better than the reference somewhere, and with what: `; in part, with norm: single`."""
    places = list(dict.fromkeys(one.fixed for one in findings))
    texts = []
    for fixed in places[:_PLACES]:
        names = dict.fromkeys(one.subject for one in findings if one.fixed == fixed)
        held = "with" if findings[0].question == "strategy" else "in"
        texts.append(f"; in part, {held} {fixed}: {words.joined([*names])}")
    return "".join(texts)


def _said_against(
    findings: Sequence[FoundDifference], reference: str, of_rows: Sequence[FoundDifference]
) -> str:
    """Say which single comparisons do not follow an average, and where."""
    kind = findings[0].question
    benchmarks = list(dict.fromkeys(one.benchmark for one in of_rows if one.question == kind))
    places = dict.fromkeys((one.relation, one.fixed, one.ratio) for one in findings)
    texts = []
    for relation, fixed, ratio in list(places)[:_PLACES]:
        own = [one for one in findings if (one.relation, one.fixed, one.ratio) == (relation, fixed, ratio)]
        where = f"{'with' if kind == 'strategy' else 'in'} {fixed}, ratio {ratio:g}"
        texts.append(f"{where}, {relation} {reference}: {words.by_benchmark(own, benchmarks)}.")
    more = len(places) - len(texts)
    rest = [f"So it is in {more} more blocks of it."] * (more > 0)
    said = " ".join([*(words.capital(text) for text in texts[1:]), *rest])
    return f"Against this average, in the {kind} table: {texts[0]} {said}".strip()


def _losses(findings: Sequence[FoundDifference], options: TableOptions) -> Iterator[Statement]:
    """Say where the reference loses to the unpruned model, and how many of all rows do."""
    rows = [one for one in findings if one.about == UNPRUNED]
    reference = (options.reference_strategy, options.reference_criterion)
    strategies = [one for one in rows if one.question == "strategy"] or rows
    own = [one for one in strategies if (one.subject, one.fixed) == reference]
    if not rows:
        return
    parts = []
    if own:
        for relation, verb in ((WORSE, "loses on"), (BETTER, "gains on"), (NOT_TESTED, "was not tested on")):
            some = [one for one in own if one.relation == relation]
            if some:
                texts = [f"{one.benchmark}: {words.in_brackets(one)}" for one in some]
                parts.append(f"{' x '.join(reference)} {verb} {'; '.join(texts)}.")
        untold = [one for one in own if one.relation == NOT_TOLD]
        if untold:
            parts.append(f"No difference can be told on {'; '.join(_untold(one) for one in untold)}.")
        costs = [one.compute_share for one in own if np.isfinite(one.compute_share)]
        if costs:
            span = _span([100 * share for share in costs])
            parts.append(f"Its total compute is {span} % of the unpruned model's{_prefill(own)}.")
    others = [one for one in strategies if one not in own]
    if others:
        parts.append(f"Of the {len(others)} other comparisons of the strategy table {_tally(others)}.")
    first = rows[0]
    topic = f"against the unpruned model, {words.budget(first.ratio or 0.0, first.match)}"
    yield _statement(topic, " ".join(parts), [*own, *others])


def _untold(found: FoundDifference) -> str:
    excluded = ", where a loss beyond the margin is excluded" if found.no_loss else ""
    return f"{found.benchmark}: {words.in_brackets(found)}{excluded}"


def _prefill(findings: Sequence[FoundDifference]) -> str:
    measured = [one for one in findings if np.isfinite(one.prefill_ms + one.unpruned_prefill_ms)]
    texts = [
        f"prefill on {one.benchmark} takes {one.prefill_ms:.1f} ms (unpruned: {one.unpruned_prefill_ms:.1f})"
        for one in measured
    ]
    return f"; {'; '.join(texts)}" if texts else ""


def _tally(findings: Sequence[FoundDifference]) -> str:
    counts = [
        (sum(one.relation == relation for one in findings), verb)
        for relation, verb in (
            (WORSE, "lose"),
            (BETTER, "gain"),
            (NOT_TOLD, "cannot be told from it"),
            (NOT_TESTED, "were not tested"),
        )
    ]
    return words.joined([f"{count} {verb}" for count, verb in counts if count])


def _of_block(
    findings: Sequence[FoundDifference], elsewhere: Sequence[FoundDifference]
) -> Iterator[Statement]:
    """Say a line for each benchmark on which something is told for the better, and one for the others.

    Where a line says that nothing beats the reference, it says too what does in other blocks, `elsewhere`.
    """
    quiet: list[str] = []
    loud: list[str] = []
    for benchmark in dict.fromkeys(one.benchmark for one in findings):
        own = [one for one in findings if one.benchmark == benchmark]
        told = any(one.relation in (BEST, BETTER) for one in own)
        (loud if told else quiet).append(benchmark)
    if quiet:
        here = [one for one in elsewhere if one.benchmark in quiet]
        yield _quiet([one for one in findings if one.benchmark in quiet], quiet, bool(loud), here)
    for benchmark in loud:
        own = [one for one in findings if one.benchmark == benchmark]
        here = []
        if not any(one.relation == BETTER for one in own):
            here = [one for one in elsewhere if one.benchmark == benchmark]
        sentence = " ".join(filter(None, [_leader(own), _against(own), _elsewhere(here, [benchmark])]))
        ranked = any(one.about == LEADERS for one in own)
        sentence += words.remarks(_rows(own), ranked=ranked)
        yield _statement(f"{_topic(own[0])}, {benchmark}", sentence, [*own, *here])


def _elsewhere(findings: Sequence[FoundDifference], benchmarks: Sequence[str]) -> str:
    """Say with which other criteria, or in which other strategies, something is better than the reference."""
    texts = []
    for fixed in dict.fromkeys(one.fixed for one in findings):
        own = [one for one in findings if one.fixed == fixed]
        held = "with" if own[0].question == "strategy" else "in"
        texts.append(f"{held} {fixed}: {words.by_benchmark(own, benchmarks)}")
    if not texts:
        return ""
    return f"Elsewhere at this ratio some are better than {findings[0].object}: {'; '.join(texts)}."


def _topic(found: FoundDifference) -> str:
    return f"{words.question(found.question, found.fixed)}, {words.budget(found.ratio or 0.0, found.match)}"


def _leader(findings: Sequence[FoundDifference]) -> str:
    """Say who is best, or that it cannot be told; findings of one block and benchmark."""
    own = [one for one in findings if one.about == LEADERS]
    if not own:
        return ""
    top = own[0]
    if top.relation == BEST:
        what = ", the reference," if top.subject_is_reference else ""
        says = f"{top.subject}{what} is the best of the {top.rivals} that are ranked."
        if any(one.about == REFERENCE and one.object == top.object for one in findings):
            return says  # its difference to the reference follows
        # Like all differences of a line: of the named one to what it is compared with.
        turned = replace(top, difference=-top.difference, low=-top.high, high=-top.low)
        return f"{says} Hardest to tell from it is {top.object}: {words.in_brackets(turned)}."
    rivals = [one.object for one in own]
    return (
        f"The best cannot be told: of the {top.rivals} that are ranked {top.subject} has the highest value "
        f"and cannot be told from {words.joined(rivals)}."
    )


def _rows(findings: Sequence[FoundDifference]) -> list[FoundDifference]:
    """Return those of rows, whose notes are told; a leader is one of them."""
    return [one for one in findings if one.about != LEADERS]


def _against(findings: Sequence[FoundDifference]) -> str:
    """Say what is better and worse than the reference, and what is neither told; all of one benchmark."""
    own = _rows(findings)
    if not own:
        return ""
    reference, parts = own[0].object, []
    gained = sorted((o for o in own if o.relation == BETTER), key=lambda one: -one.difference)
    lost = sorted((o for o in own if o.relation == WORSE), key=lambda one: one.difference)
    untold = [one for one in own if one.relation == NOT_TOLD]
    untested = [one for one in own if one.relation == NOT_TESTED]
    if gained:
        parts.append(f"Better than {reference}: {words.told_in_full(gained)}.")
    if lost:
        parts.append(f"Worse than {reference}: {words.told_in_short(lost)}.")
    if untold:
        parts.append(f"Cannot be told from {reference}: {words.told_in_short(untold)}.")
    if untested:
        parts.append(f"Not tested: {words.joined([one.subject for one in untested])}.")
    return " ".join(parts)


def _quiet(
    findings: Sequence[FoundDifference],
    benchmarks: Sequence[str],
    others: bool,
    elsewhere: Sequence[FoundDifference],
) -> Statement:
    """Say that nothing is told for the better on some benchmarks, and what could have been found there."""
    first, own = findings[0], _rows(findings)
    where = words.joined(benchmarks) if others or len(benchmarks) < 3 else f"all {len(benchmarks)} benchmarks"
    topic = f"{_topic(first)}, {where}"
    if not own:
        leaders = [_leader([one for one in findings if one.benchmark == name]) for name in benchmarks]
        told = [f"{name}: {text}" for name, text in zip(benchmarks, leaders, strict=True) if text]
        return _statement(topic, " ".join(told), findings)
    parts = [f"No {first.question} can be told to be better than {own[0].object}."]
    for relation, verb in (
        (WORSE, "Worse"),
        (NOT_TOLD, "Cannot be told from it"),
        (NOT_TESTED, "Not tested"),
    ):
        some = [one for one in own if one.relation == relation]
        if some:
            parts.append(f"{verb}: {words.by_benchmark(some, benchmarks)}.")
    parts += filter(None, [_elsewhere(elsewhere, benchmarks)])
    parts += _could_be_found([one for one in own if one.relation == NOT_TOLD])
    return _statement(topic, " ".join(parts) + words.remarks(own), [*findings, *elsewhere])


def _could_be_found(untold: Sequence[FoundDifference]) -> Iterator[str]:
    """Say from which true difference on a comparison of fixed rows would have been told."""
    found: dict[str, list[float]] = {}
    for one in untold:
        if not one.n_draws and np.isfinite(one.detectable):
            found.setdefault(words.unit(one.metric), []).append(SCALE * one.detectable)
    spans = [f"{_span(values)} {unit}" for unit, values in found.items()]
    if spans:
        yield f"Smallest true difference found with a power of 80 %: {words.joined(spans)}."


def _other_blocks(findings: Sequence[FoundDifference], options: TableOptions) -> Iterator[Statement]:
    """Say in one line each what holds at the other criteria, and in the other strategies."""
    for kind, fixed in dict.fromkeys((one.question, one.fixed) for one in findings):
        block = [one for one in findings if (one.question, one.fixed) == (kind, fixed)]
        own = [one for one in block if one.about == REFERENCE and _of_question(one, options)]
        if not own or _main(own[0], kind, options):
            continue
        benchmarks = list(dict.fromkeys(one.benchmark for one in own))
        counts = []
        for relation, verb in (
            (BETTER, "better"),
            (WORSE, "worse"),
            (NOT_TOLD, "not told"),
            (NOT_TESTED, "not tested"),
        ):
            some = [one for one in own if one.relation == relation]
            named = relation in (BETTER, WORSE) and some
            if some or relation == BETTER:
                names = f" ({words.by_benchmark(some, benchmarks)})" if named else ""
                counts.append(f"{len(some)} {verb}{names}")
        sentence = f"Of {len(own)} comparisons with {own[0].object}: {', '.join(counts)}."
        yield _statement(
            _topic(own[0]), sentence + words.remarks([o for o in own if o.relation == BETTER]), own
        )


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} to {high}"


def _statement(topic: str, sentence: str, findings: Sequence[FoundDifference]) -> Statement:
    return Statement(words.capital(topic), sentence, tuple(findings))
