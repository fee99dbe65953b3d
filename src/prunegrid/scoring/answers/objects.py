"""Find named objects in a text, after CHAIR's program (Rohrbach et al. 2018, arXiv 1809.02156).

As there, phrases go before single words, young and grown animals are animals, and neither "train track" nor a
toilet's seat is a train or a chair. Plurals are those of the listed words, where the program makes every word
of the text singular.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final

_WORD = re.compile(r"[a-z]+")
_ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe")
_QUALIFIED = {
    **{f"{age} {animal}": animal for age in ("baby", "adult") for animal in _ANIMALS},
    "passenger jet": "jet",
    "passenger train": "train",
    "bow tie": "tie",
    "toilet seat": "toilet",
}
# They name another thing than their words do.
_OTHERS = ("home plate", "train track")
_IRREGULAR = {"child": "children", "goose": "geese", "mouse": "mice", "ox": "oxen"}
_HISSING = ("s", "x", "z", "ch", "sh")


class ObjectFinder:
    """Finds the categories that a text names.

    Parameters
    ----------
    words : mapping
        Word, of one or several words, -> category.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words: Final = dict(words)

    def category(self, name: str) -> str:
        """Return the category that a word stands for: itself where it is not listed."""
        return self._words.get(name.strip().lower(), name.strip().lower())

    def find(self, text: str) -> list[str]:
        """Return the category of each object that is named, in order, as often as it is."""
        words = _WORD.findall(text.lower())
        named: list[str] = []
        at = 0
        while at < len(words):
            length = next((n for n in self._lengths if " ".join(words[at : at + n]) in self._forms), 1)
            named.append(" ".join(words[at : at + length]))
            at += length
        # "The seat of the toilet" is no chair either.
        if any(self._forms.get(one) == "toilet" for one in named):
            named = [one for one in named if one not in ("seat", "seats")]
        return [category for one in named if (category := self._forms.get(one))]

    @cached_property
    def _forms(self) -> dict[str, str | None]:
        """Every phrase as it may stand in a text -> its category; None for what only looks like an object."""
        stand_for = {
            **self._words,
            **{phrase: self._words[word] for phrase, word in _QUALIFIED.items() if word in self._words},
            **dict.fromkeys(_OTHERS),
        }
        found: dict[str, str | None] = {}
        for phrase, category in stand_for.items():
            first, _, last = phrase.rpartition(" ")
            for form in plurals(last):
                found[f"{first} {form}".strip()] = category
        # A listed word is itself, and no plural of another.
        return found | stand_for

    @cached_property
    def _lengths(self) -> list[int]:
        """The numbers of words of phrases, the longest first."""
        return sorted({phrase.count(" ") + 1 for phrase in self._forms}, reverse=True)


def plurals(word: str) -> set[str]:
    """Return the plural forms of an English noun in small letters; of some nouns there are two."""
    if word in _IRREGULAR:
        return {_IRREGULAR[word]}
    if word.endswith("man"):
        return {word[:-3] + "men"}
    if word.endswith(_HISSING):
        return {word + "es"}
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return {word[:-1] + "ies"}
    if word.endswith(("lf", "af")):
        return {word[:-1] + "ves"}
    if word.endswith("ife"):
        return {word[:-2] + "ves"}
    if word.endswith("o"):
        return {word + "s", word + "es"}
    return {word + "s"}
