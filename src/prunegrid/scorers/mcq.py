"""Multiple choice of a user's own data set, scored as A-OKVQA."""

from dataclasses import dataclass

from prunegrid.scorers.aokvqa import Aokvqa


@dataclass(frozen=True, kw_only=True)
class Mcq(Aokvqa):
    """The same rules under a general name."""
