"""Whose flows of attention a study measures. Imports no torch."""

from prunegrid.study.plan import Plan

# Tokens of an answer that is short enough to be asked for again and again without being named.
_SHORT = 16


def flow_benchmarks(plan: Plan) -> dict[str, list[str]]:
    """Return model -> benchmarks that `flow` names, for models that have any; `true` names short answers."""
    how, every = plan.config["flow"], plan.config["benchmarks"]
    named = how["benchmarks"]
    if isinstance(named, bool):
        named = [one for one in every if plan.answer_tokens(one) <= _SHORT] if named else []
    benchmarks = [one for one in every if one in named]
    models = how["models"] or plan.config["models"]
    return {model: benchmarks for model in plan.config["models"] if benchmarks and model in models}
