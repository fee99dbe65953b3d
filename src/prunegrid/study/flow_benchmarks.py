"""Whose flows of attention a study measures. Imports no torch."""

from collections.abc import Iterable

from prunegrid.study.plan import Plan

# Tokens of an answer that is short enough to be asked for again and again without being named.
_MOST_TOKENS = 16


def flow_benchmarks(plan: Plan) -> dict[str, list[str]]:
    """Return model -> benchmarks that `flow` names, for models that have any; `true` names short answers."""
    how, every = plan.config["flow"], plan.config["benchmarks"]
    named = how["benchmarks"]
    if isinstance(named, bool):
        named = _short(plan) if named else []
    benchmarks = [one for one in every if one in named]
    models = how["models"] or plan.config["models"]
    return {model: benchmarks for model in plan.config["models"] if benchmarks and model in models}


def left_out(plan: Plan) -> str:
    """Return which benchmarks `flow.benchmarks: true` leaves out, and what asks them; empty if none."""
    every, short = plan.config["benchmarks"], _short(plan)
    long = [f"{one} ({plan.answer_tokens(one)})" for one in every if one not in short]
    if plan.config["flow"]["benchmarks"] is not True or not long:
        return ""
    return (
        f"flow.benchmarks: true takes benchmarks whose answers have at most {_MOST_TOKENS} tokens "
        f"(max_new_tokens), and leaves out {', '.join(long)}; a list takes them too: {_typed(every)}"
    )


def nothing_to_measure(plan: Plan) -> str:
    """Return why the target `flow` has nothing to measure, and what would give it something."""
    if told := left_out(plan):
        return f"there is nothing to measure: {told}"
    some = _short(plan) or plan.config["benchmarks"]
    return f"flow.benchmarks names none, so there is nothing to measure: name some, such as {_typed(some)}"


def _short(plan: Plan) -> list[str]:
    """Return the benchmarks whose answers are short."""
    return [one for one in plan.config["benchmarks"] if plan.answer_tokens(one) <= _MOST_TOKENS]


def _typed(benchmarks: Iterable[str]) -> str:
    return f"`--config 'flow={{benchmarks: [{', '.join(benchmarks)}]}}'`"
