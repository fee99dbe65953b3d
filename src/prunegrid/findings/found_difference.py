"""What a finding is: one tested comparison of a table, and the relation that its test allows to state."""

from dataclasses import dataclass

import numpy as np

from prunegrid.tables.difference import LEVEL

BETTER, WORSE = "better than", "worse than"
NOT_TOLD, NOT_TESTED = "cannot be told from", "not tested against"
BEST = "best of its block, and told even from"
# Notes that keep a row from being ranked.
NEEDS_ANSWER = "needs the unpruned model's own answer"
DEGENERATE = "leaves fewer than 4 image tokens in some layer"
# What a row is compared with.
LEADERS, REFERENCE, UNPRUNED, AVERAGE = "the highest of its block", "the reference", "unpruned", "on average"


@dataclass(frozen=True)
class FoundDifference:
    """One comparison, in natural units.

    Attributes
    ----------
    question : str
        strategy or criterion: the table that it is from.
    about : str
        What is compared: the block's highest with its rivals, a row with the reference or with the unpruned
        model, or averages.
    fixed : str
        Name on the other axis; empty for averages.
    ratio : float or None
        None for averages, which are over ratios.
    match : str
        What is equal at the ratio, in a study of several matchings; else empty.
    benchmark, metric : str
        Empty, and `kept`, for averages over benchmarks.
    subject, relation, object : str
        As in "constant", "better than", "hierarchical".
    difference, low, high : float
        With the 95 % interval, not corrected.
    p, p_corrected : float
        NaN where nothing is tested.
    correction : str
        How p was corrected.
    detectable : float
        Smallest true difference found with a power of 80 % after the correction; NaN where none is known.
    rivals : int
        Computations that compete for the highest value of the block; 0 for other comparisons.
    compute_share, object_compute_share : float
        Total compute of both, over that of the unpruned model on the benchmark.
    prefill_ms, unpruned_prefill_ms : float
        Measured medians; NaN where none were.
    no_loss : bool
        The interval excludes a loss beyond the margin.
    subject_is_reference : bool
    n_draws : int
        Seeds that the difference is inferred over; 0 where nothing is drawn.
    too_few : str
        What is too few of to tell: schedules, or draws; empty where they are not.
    notes : tuple of str
        What a reader has to know of the subject.
    over : str
        What an average is over; empty for a comparison of two rows.
    sentence : str
    """

    question: str
    about: str
    fixed: str
    ratio: float | None
    match: str
    benchmark: str
    metric: str
    subject: str
    relation: str
    object: str
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    correction: str
    detectable: float = np.nan
    rivals: int = 0
    compute_share: float = np.nan
    object_compute_share: float = np.nan
    prefill_ms: float = np.nan
    unpruned_prefill_ms: float = np.nan
    no_loss: bool = False
    subject_is_reference: bool = False
    n_draws: int = 0
    too_few: str = ""
    notes: tuple[str, ...] = ()
    over: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class Statement:
    """What is said in one line of one or more findings.

    Attributes
    ----------
    topic : str
        What it is of: question, budget, benchmark.
    sentence : str
    findings : tuple of FoundDifference
        What it rests on.
    shown : bool
        Whether it stands before the fold.
    """

    topic: str
    sentence: str
    findings: tuple[FoundDifference, ...]
    shown: bool = False


def relation(difference: float, corrected: float) -> str:
    """Return what a test allows to say: never more than its corrected p does.

    Parameters
    ----------
    difference : float
        Of the subject to the object.
    corrected : float
        p after correction; NaN where nothing is tested.
    """
    if np.isnan(corrected) or np.isnan(difference):
        return NOT_TESTED
    if corrected >= LEVEL or difference == 0:
        return NOT_TOLD
    return BETTER if difference > 0 else WORSE
