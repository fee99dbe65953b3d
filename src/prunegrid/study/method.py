"""What a published method is here: a strategy and a criterion with their options, under a name of its own."""

from typing import Any, ClassVar

from prunegrid.plugins import Plugin


class Method(Plugin):
    """Base of all methods: a leaf declares, by literal values, which are read from the source.

    Class attributes
    ----------------
    title : str
        How its authors call it.
    paper : str
        arXiv number, or where else it is published.
    strategy : str
        Name of the strategy's plug-in: where tokens are dropped.
    strategy_options : dict
        Its options.
    criterion : str or None
        Name of the criterion's plug-in: which tokens stay. None where the strategy ranks none.
    criterion_options : dict
        Its options, `merge` among them.
    exact : str
        What of the published code is reproduced exactly.
    differs : str
        What is not, and why; empty where nothing is known to differ.
    budget : str
        What a budget of mean image tokens per layer means for it.
    repository, commit : str
        Where the authors' code was read; empty where it was not.
    cannot : dict
        `model_type` of a family that it cannot serve -> the reason.
    """

    title: ClassVar[str]
    paper: ClassVar[str]
    strategy: ClassVar[str]
    strategy_options: ClassVar[dict[str, Any]] = {}
    criterion: ClassVar[str | None] = None
    criterion_options: ClassVar[dict[str, Any]] = {}
    exact: ClassVar[str]
    differs: ClassVar[str] = ""
    budget: ClassVar[str]
    repository: ClassVar[str] = ""
    commit: ClassVar[str] = ""
    cannot: ClassVar[dict[str, str]] = {}
