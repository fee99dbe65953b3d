"""The files of a job's model and data, held against those that its keys were planned with."""

from collections.abc import Mapping

from prunegrid.errors import InputsChangedError
from prunegrid.study.plan import Plan


def check_files(plan: Plan, model: str, benchmark: str, planned: Mapping[str, str]) -> None:
    """Check, before something is written, that the files it was made of are the planned ones.

    Files whose sizes and time stamps are those that were hashed are not read again.

    Parameters
    ----------
    plan : Plan
        The study, as the job reads it.
    model, benchmark : str
        Their names.
    planned : mapping
        `CellKeys.files_hashes` when the run was planned; what is not in it is not compared.

    Raises
    ------
    InputsChangedError
        If they are others.
    """
    if any(plan.keys.files_hash(what, model, benchmark) != planned[what] for what in planned):
        raise InputsChangedError(
            f"{benchmark}: files of model {model!r} or of the data were changed since the run began. What "
            "was computed of them is not written, as its key stands for others; run again"
        )
