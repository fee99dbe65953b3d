"""What guessing reaches on a benchmark of given options."""

import pyarrow.compute as pc

from prunegrid.tables.cells import ScoredCell

_YES_NO = {"yes", "no"}


def chance_of(cell: ScoredCell) -> float | None:
    """Return the accuracy of guessing among the options, or yes and no; None where answers are free.

    Parameters
    ----------
    cell : ScoredCell
        Any cell of the benchmark: its questions are read.
    """
    questions = cell.questions()
    if questions is None or cell.scores["headline"] != "accuracy" or not len(questions):
        return None
    lengths = pc.list_value_length(questions["choices"]).to_pylist()
    if all(lengths):
        return float(sum(1 / length for length in lengths) / len(lengths))
    answers = {str(answer).strip().lower() for answer in questions["answer"].to_pylist()}
    return 0.5 if answers and answers <= _YES_NO else None
