"""Tokens far from the mean of the image stay, from the middle of the decoder on."""

from typing import Any, ClassVar

from prunegrid import Method


class FarLate(Method):
    """A method of one's own, of a strategy and a criterion of one's own."""

    title = "Far and late"
    paper = "not published"
    strategy = "late"
    criterion = "far"
    criterion_options: ClassVar[dict[str, Any]] = {"power": 1.0}
    exact = "All of it."
    budget = "All tokens in the first half of the layers."
