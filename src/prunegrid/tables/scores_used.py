"""Which score each strategy used at each cut, for criteria that hand cuts to others by depth."""

from collections.abc import Iterable, Sequence

from prunegrid.axis_names import match_in_brackets
from prunegrid.tables.cells import RowKey
from prunegrid.tables.told import Told


def scores_used(told: Told, keys: Iterable[RowKey]) -> list[str]:
    """Return one sentence for each criterion of `keys` that others score for.

    Parameters
    ----------
    told : mapping
        See `told.read_told`.
    keys : iterable of RowKey
        Rows of a table.
    """
    # Criterion -> strategy -> what scored -> ratios, in words.
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for key in dict.fromkeys(keys):
        strategy, criterion = key.strategy, key.criterion
        cells = [(seed, cell) for seed, cell in told.get(key, ()) if cell.get("scored_by")]
        own = [by == cell["criterion"][0] for _, cell in cells for _, by, *_ in cell["scored_by"]]
        if all(own):
            continue
        texts = [_cuts(cell["scored_by"]) for _, cell in cells]
        text = texts[0]
        if len(set(texts)) > 1:
            text = "; ".join(f"seed {seed}: {own}" for (seed, _), own in zip(cells, texts, strict=True))
        found.setdefault(criterion, {}).setdefault(strategy, {}).setdefault(text, []).append(_budget(key))
    return [
        f"{criterion}: which score ranks before which layer. "
        + ". ".join(f"{strategy}: {_by_ratio(texts)}" for strategy, texts in strategies.items())
        + "."
        for criterion, strategies in found.items()
    ]


def _budget(key: RowKey) -> str:
    return f"{key.ratio:g}{match_in_brackets(key.match)}"


def _by_ratio(texts: dict[str, list[str]]) -> str:
    if len(texts) == 1:
        return next(iter(texts))
    return "; ".join(f"at ratio {', '.join(ratios)}: {text}" for text, ratios in texts.items())


def _cuts(scored_by: Sequence[Sequence[object]]) -> str:
    """Return `attention_shallow 1, attention_deep 2-7`: layers of a score, in runs."""
    layers: dict[str, list[int]] = {}
    for layer, by, *_ in scored_by:
        layers.setdefault(str(by), []).append(int(str(layer)))
    return ", ".join(f"{by} {_runs(own)}" for by, own in layers.items())


def _runs(layers: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for layer in sorted(layers):
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return " and ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
