"""Which strategies and scorings are compared with the oracle, family by family.

A strategy that ranks nothing is compared once in each family. The others meet every scoring in `WHOLE`. In
another family a scoring that reads attention, hence the family's heads, masks and windows, meets every
strategy that cuts several times and one of the rest; any other scoring meets one strategy. Which one turns
with the family, so that the other families together meet every pair, too.

Of these `covering` takes what `make test` runs: in another family than `WHOLE` one strategy, which turns with
the family likewise, for every scoring that asks a family for more than hidden states.
"""

from __future__ import annotations

from functools import cache

from prunegrid.plugins import describe, handed_to, names
from prunegrid.pruning.families import family_of
from prunegrid.pruning.vision_maps import OF_CLASS_TOKEN
from tests.pruning.comparison import FAMILIES, RATIO, SCORINGS, SEED, Scoring, model_of, strategy_of
from tests.pruning.tiny import N_LAYERS

WHOLE = "llava"
# What is computed of a family's own queries, keys and values, or by its backward pass: words of `cost`.
_OF_LAYERS = {"text_rows", "image_rows", "last_row", "own_last_row", "mean_query", "keys", "gradient"}
# But for those that change pictures before there is a prompt to prune.
STRATEGIES = [name for name in names("strategies") if not strategy_of(name).resizes_images]
NOT_RANKING = [name for name in STRATEGIES if not strategy_of(name).ranks]
RANKING = [name for name in STRATEGIES if name not in NOT_RANKING]
SEVERAL_CUTS = [name for name in RANKING if len(strategy_of(name).solve(RATIO, N_LAYERS, seed=SEED).cuts) > 1]


AT_THE_INPUT = [
    name for name in RANKING if strategy_of(name).solve(RATIO, N_LAYERS, seed=SEED).cuts[0][0] == 0
]


# Turns the order of strategies. LLaVA-NeXT would meet `uniform`: its ends of rows enter layer 0 alike, norms
# of their turned keys differ by rounding alone, and that cut falls among them.
_SHIFTED = {"key_norm": 1}


@cache
def takers(scoring: str) -> list[str]:
    """Return the strategies that a scoring may meet: options are tried where several cuts show them.

    What reads the layer before a cut meets none that cuts before the first layer, and what needs all tokens
    none that cuts twice.
    """
    if SCORINGS[scoring].build().first_cut_only:
        return [name for name in RANKING if name not in SEVERAL_CUTS]
    if scoring not in names("criteria"):
        return ["hierarchical", "uniform"]
    return [name for name in RANKING if name not in AT_THE_INPUT or not reads_layer_before(scoring)]


def reads_layer_before(criterion: str) -> bool:
    """Return whether a criterion, or one that it hands layers to, reads the layer before the cut."""
    described = describe("criteria", criterion)
    parts = handed_to(described, {})
    return any(describe("criteria", part)["first_layer"] > 0 for part in parts or [criterion])


def first_cut_only(criterion: str) -> bool:
    """Return whether a criterion needs all image tokens, so that no later cut can be its."""
    return bool(describe("criteria", criterion)["first_cut_only"])


def reads_attention(scoring: Scoring) -> bool:
    """Return whether a scoring ranks by rows of attention, in some layers at least."""
    if scoring.criterion not in names("criteria"):
        return False
    described = describe("criteria", scoring.criterion)
    parts = handed_to(described, scoring.options)
    costs = [describe("criteria", part)["cost"] for part in parts or [scoring.criterion]]
    # Others read rows by the same call, and more beside it.
    return any(cost in ("text_rows", "image_rows", "last_row", "own_last_row") for cost in costs)


def needs_class_token(scoring: str) -> bool:
    """Return whether a scoring reads what only towers with a class token have; others refuse it."""
    criterion = SCORINGS[scoring].build()
    return any(one.kind in OF_CLASS_TOKEN for one in criterion.vision_maps())


@cache
def scorings(family: str) -> list[str]:
    """Return the scorings that a family's tower has the maps for."""
    has = family_of(family).has_class_token(model_of(family).config.to_dict())
    return [name for name in SCORINGS if has or not needs_class_token(name)]


PAIRS = [(strategy, scoring) for scoring in SCORINGS for strategy in takers(scoring)]
ATTENTION = [name for name, scoring in SCORINGS.items() if reads_attention(scoring)]


@cache
def cases(family: str) -> list[tuple[str, str | None]]:
    """Return the (strategy, scoring) that a family is compared in; no scoring where nothing is ranked."""
    found: list[tuple[str, str | None]] = [(strategy, None) for strategy in NOT_RANKING]
    if family == WHOLE:
        return found + PAIRS
    for group in (ATTENTION, [name for name in SCORINGS if name not in ATTENTION]):
        for number, scoring in enumerate(group):
            always = SEVERAL_CUTS if scoring in ATTENTION else []
            some = [strategy for strategy in takers(scoring) if strategy not in always]
            if scoring in scorings(family):
                found += [(strategy, scoring) for strategy in takers(scoring) if strategy in always]
                found += [(some[(number + _turn(family)) % len(some)], scoring)] if some else []
    return found + [case for case in covering(family) if case not in found]


@cache
def covering(family: str) -> list[tuple[str, str | None]]:
    """Return those of `cases` that meet every strategy and every scoring of the family."""
    if family == WHOLE:
        return cases(family)
    found: list[tuple[str, str | None]] = [(strategy, None) for strategy in NOT_RANKING]
    for number, scoring in enumerate(SCORINGS):
        if scoring in scorings(family) and of_family(scoring):
            own = takers(scoring)
            turn = number + _turn(family) + _SHIFTED.get(scoring, 0)
            found.append((own[turn % len(own)], scoring))
    met = {strategy for strategy, _ in found}
    return found + [(strategy, "norm") for strategy in RANKING if strategy not in met]


def of_family(scoring: str) -> bool:
    """Return whether a scoring asks a family for more than hidden states: heads, masks, gradients, its tower.

    One of each other kind is among them: a norm, a set rule, and both ways to merge.
    """
    criterion = SCORINGS[scoring].build()
    described = describe("criteria", scoring) if scoring in names("criteria") else {}
    return (
        scoring in (*ATTENTION, "norm", "diversity")
        or bool(criterion.vision_maps())
        or criterion.merge != "drop"
        or bool(_OF_LAYERS & set((described.get("cost") or "").split("+")))
    )


def _turn(family: str) -> int:
    return sorted(set(FAMILIES) - {WHOLE}).index(family)
