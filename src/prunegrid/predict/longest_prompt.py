"""The longest prompt of a benchmark, without reading all of its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunegrid.predict.prompts import PromptMaker

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter

# Samples that are made into prompts; pictures of a benchmark are of like sizes.
_PROBED = 32


def longest_prompt(maker: PromptMaker, adapter: Adapter) -> int:
    """Estimate the tokens of a benchmark's longest prompt, image tokens included.

    All texts are counted, without their pictures. What the picture and the chat form add is the most that
    they add to the first samples, whichever of them a job is to predict.

    Parameters
    ----------
    maker : PromptMaker
        Of the model.
    adapter : Adapter
        The benchmark.
    """
    added = 0
    for sample in adapter.samples(range(min(_PROBED, len(adapter)))):
        length = maker.n_tokens(sample)
        if length is not None:
            added = max(added, length - maker.n_text_tokens(sample.prompt))
    return added + max((maker.n_text_tokens(text) for text in adapter.texts()), default=0)
