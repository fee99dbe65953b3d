"""First-position logits of the words that a closed question may be answered with."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from prunegrid.data.adapter import Adapter, Sample


class OptionLogits:
    """Reads the logits of a sample's option words, such as its letters, or yes and no.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        The model's.
    adapter : Adapter
        The benchmark: which words a sample's options are.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, adapter: Adapter) -> None:
        self._tokenizer, self._adapter = tokenizer, adapter
        self._word_ids: dict[str, list[int]] = {}

    def of(self, sample: Sample, logits: Tensor) -> list[float] | None:
        """Return the logit of each option's word, or None where a sample has none.

        Parameters
        ----------
        sample : Sample
            The question.
        logits : Tensor
            (vocabulary,), of the first generated position.
        """
        words = self._adapter.option_words(sample)
        if not words:
            return None
        for word in words:
            if word not in self._word_ids:
                self._word_ids[word] = self._first_ids(word)
        return [max(float(logits[token]) for token in self._word_ids[word]) for word in words]

    def _first_ids(self, word: str) -> list[int]:
        """Return the tokens that a word may begin with: with or without a space before it."""
        encode, decode = self._tokenizer.encode, self._tokenizer.decode
        ids = {encode(text, add_special_tokens=False)[0] for text in (word, f" {word}")}
        # Some tokenizers split the space off: a token of nothing but space is not the word's.
        texts = {token: cast(str, decode([token])).strip() for token in ids}
        return [token for token, text in texts.items() if text and word.startswith(text)]
