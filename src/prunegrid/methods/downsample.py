"""downsample."""

from typing import ClassVar

from prunegrid.study.method import Method


class Downsample(Method):
    """The picture at a lower resolution, for models that take any."""

    title = "downsample"
    paper = "no paper: the baseline of VTC-Bench"
    strategy = "downsample"
    exact = "The processor's own resizing."
    budget = "Whole patches only, so that budgets are met as nearly as they allow; the tower saves, too."
    cannot: ClassVar[dict[str, str]] = {
        "gemma3": "its tower takes one size",
        "llava": "its tower takes one size",
    }
