"""One colour and one marker for each strategy and criterion, the same in all figures of a study."""

from collections.abc import Iterable

from prunegrid.axis_names import BASELINE, NO_CRITERION, row_name
from prunegrid.report.saving import COLOURS, MARKERS
from prunegrid.tables.options import TableOptions

# Colour and marker.
Style = tuple[str, str]
# Those of the reference strategy and of the reference criterion.
REFERENCE: Style = ("#000000", "o")

# Criteria have the colours of strategies, with other markers.
_SHIFT = 4


class NameStyles:
    """The styles of a study's names.

    Parameters
    ----------
    options : TableOptions
        Its `strategies` and `criteria`, in the study's order, come first, and its references have a style of
        their own.
    strategies, criteria : iterable of str
        Further names that a figure draws, in its order.
    """

    def __init__(
        self, options: TableOptions, strategies: Iterable[str] = (), criteria: Iterable[str] = ()
    ) -> None:
        self._references = (options.reference_strategy, options.reference_criterion)
        axes = [
            [name for name in dict.fromkeys(names) if name not in (*self._references, BASELINE, NO_CRITERION)]
            for names in ([*options.strategies, *strategies], [*options.criteria, *criteria])
        ]
        # What is on both axes, such as `random`, has one style, and no other name on an axis has its colour.
        shared = [name for name in axes[0] if name in axes[1]]
        self._styles = dict.fromkeys(self._references, REFERENCE)
        for names, shift in zip(axes, (0, _SHIFT), strict=True):
            for place, name in enumerate([*shared, *(name for name in names if name not in shared)]):
                self._styles.setdefault(name, _style(place, shift))

    def of(self, name: str) -> Style:
        """Return the colour and the marker of a strategy or a criterion."""
        return self._styles[name]

    def of_row(self, strategy: str, criterion: str) -> Style:
        """Return those of a row.

        With the reference on one axis it has the style of the other axis; else the strategy's colour and the
        criterion's marker.
        """
        whole = row_name(strategy, criterion)
        if whole in self._styles:
            return self._styles[whole]
        if criterion == self._references[1]:
            return self.of(strategy)
        if strategy == self._references[0]:
            return self.of(criterion)
        return self.of(strategy)[0], self.of(criterion)[1]


def _style(place: int, shift: int) -> Style:
    """Return the style of a name in its place: every round of colours begins one marker later."""
    n = len(COLOURS)
    return COLOURS[place % n], MARKERS[(place + place // n + shift) % len(MARKERS)]
