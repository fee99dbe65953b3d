"""Smaller pictures: a baseline."""

from typing import ClassVar

from prunegrid.study.method import Method


class Downsample(Method):
    """Each picture is resized before the processor is given it, so that fewer image tokens are made of it."""

    title = "downsampling"
    paper = "no paper: a baseline of pruning benchmarks"
    strategy = "downsample"
    exact = "Both sides of a picture made smaller alike, by bicubic interpolation, before all else."
    differs = (
        "A smaller picture's sides are whole image tokens, so that no budget is exceeded: its shape changes "
        "by as much."
    )
    budget = (
        "All layers have the mean, at most, and fewer by less than one row or column of the smaller picture: "
        "its sides are whole tokens."
    )
    cannot: ClassVar[dict[str, str]] = {
        "gemma3": "it brings every picture to one size",
        "idefics3": "it brings every picture to sizes of its own",
        "internvl": "it brings every picture to sizes of its own",
        "llava": "it brings every picture to one size",
        "llava_next": "it brings every picture to sizes of its own",
        "llava_onevision": "it brings every picture to sizes of its own",
        "smolvlm": "it brings every picture to sizes of its own",
    }
