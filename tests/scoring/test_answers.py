"""Answer extraction on awkward outputs, and the published rules as they were published."""
# ruff: noqa: RUF001

import itertools
import re

import pytest

from prunegrid.scoring.answers import letters, option, short, yesno

CHOICES = ["cat", "hot dog", "dog", "red car"]

# Ways to say option B by its letter, and what may stand around them.
FRAMES = [
    "{}",
    "({})",
    "[{}]",
    "{}.",
    "{})",
    "{}:",
    "{},",
    "{};",
    "{}!",
    "{}?",
    "**{}**",
    "`{}`",
    '"{}"',
    "'{}'",
    "«{}»",
    "“{}”",
    "「{}」",
    "{}。",
    "{}、",
    "({}).",
    "{{{}}}",
    "<{}>",
    "$\\boxed{{{}}}$",
    "Answer: {}",
    "The answer is {}.",
    "The answer is ({}).",
    "the correct option is {}",
    "Option {}",
    "answer:{}",
    "**Answer:** {}",
    "It is {}",
    "I choose {} because",
    "{} is correct",
    "So, {}.",
    "答案：{}。",
    "答案是{}",
    "La respuesta es {}.",
    "Ответ: {}",
    "正解は{}です",
    "إجابة: {}",
    "¿{}?",
    "{}\n",
    "\n{}",
    "  {}  ",
    "{}\nExplanation: it is long.",
    "\u200b{}",
    "I think it is {}",
    "Clearly {}",
    "{} - because of it",
]
CONTENT = [
    "{}) hot dog",
    "{}. hot dog",
    "({}) hot dog",
    "{}: hot dog",
    "{} hot dog",
    "{}, hot dog",
    "hot dog ({})",
    "{}.hot dog",
    "{} - hot dog",
]
WIDE = {"B": "Ｂ", "C": "Ｃ"}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("letter", ["B", "C", "D"])
def test_a_letter_in_any_frame(frame: str, letter: str) -> None:
    assert option.letter(frame.format(letter), CHOICES) == letter
    wide = WIDE.get(letter, letter)
    assert option.letter(frame.format(wide), CHOICES) == letter


@pytest.mark.parametrize("frame", CONTENT)
def test_a_letter_with_its_text(frame: str) -> None:
    assert option.letter(frame.format("B"), CHOICES) == "B"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("a", "A"),
        ("b", "B"),
        ("(c)", "C"),
        ("b) cat", "B"),
        ("d.", "D"),
        ("option c", "C"),
        ("the answer is: d", "D"),
        ("A and B", None),
        ("B, C", None),
        ("C or D", None),
        ("A/B", None),
        ("D\nC", "D"),
        ("A, B, C, D", None),
        ("AB", None),
        ("", None),
        (" ", None),
        ("\n\n", None),
        ("...", None),
        ("?", None),
        ("E", None),
        ("(F)", None),
        ("dog", "C"),
        ("Dog.", "C"),
        ("DOG", "C"),
        ("a dog", "C"),
        ("A dog", "C"),
        ("hot dog", "B"),
        ("A hot dog!", "B"),
        ("It's a red car.", "D"),
        ("the red  car", "D"),
        ("red-car", "D"),
        ("a cat and a dog", None),
        ("dogs", None),
        ("A cat", "A"),
        ("A dog is what I see", "C"),
        ("A is correct", "A"),
        ("A because of it", "A"),
        ("B's", None),
        ("D-frame house", None),
        ("U.S.A.", None),
        ("C3PO", None),
        ("ABCD", None),
        ("Because", None),
        ("I do not know", None),
        ("None of the above", None),
        ("yes", None),
        ("\U0001f600", None),
        ("\U0001f600 C", "C"),
        ("（Ｂ）", "B"),
        ("ｄｏｇ", "C"),
        ("狗", None),
        ("Ⓑ", "B"),
    ],
)
def test_awkward_outputs(output: str, expected: str | None) -> None:
    assert option.letter(output, CHOICES) == expected


def test_options_that_look_like_letters_or_hold_punctuation() -> None:
    assert option.letter("C", ["B", "C", "A"]) == "C"
    assert option.letter("3.5", ["3", "3.5", "35"]) == "B"
    assert option.letter("The Earth's core", ["the earth's core", "the crust"]) == "A"
    assert option.letter("I", list("abcdefghij")) == "I"
    assert option.letter("anything", []) is None


@pytest.mark.parametrize(
    ("output", "contains", "strict", "lmms", "lowered", "llava"),
    [
        ("B", True, True, True, True, "B"),
        ("b", False, False, True, True, None),
        (" B\n", True, True, True, True, "B"),
        ("B.", True, False, True, False, None),
        ("B. hot dog", True, False, True, False, "B"),
        ("b. hot dog", False, False, False, False, None),
        ("(B)", True, False, False, False, None),
        ("The answer is B.", True, False, False, False, "B"),
        ("", False, False, False, False, None),
        ("The answer is B. The answer is C.", True, False, False, False, None),
        ("hot dog", False, False, False, False, None),
        ("Because", True, False, False, False, None),
        ("E", False, False, False, False, None),
        ("A or B", True, False, False, False, None),
        ("B.hot dog", True, False, True, False, None),
        ("C. B", True, False, False, False, "C"),
    ],
)
def test_published_choice_rules(
    output: str, contains: bool, strict: bool, lmms: bool, lowered: bool, llava: str | None
) -> None:
    assert letters.contains(output, "B") == contains
    assert letters.equals(output, "B") == strict
    assert letters.lmms(output, "B") == lmms
    assert letters.lmms_lowered(output, "B") == lowered
    assert letters.llava(output, 4) == llava


def official_pope(text: str) -> str:
    """POPE's rule as its authors describe it, written another way."""
    first = re.sub(r"\..*", "", text.strip(), flags=re.DOTALL).replace(",", "")
    return "no" if any(word in ("No", "not", "no") for word in re.split(" ", first)) else "yes"


WORDS = ["Yes", "No", "no,", "not", "there", "isn't", "NO", "yes.", "dog", ""]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_pope_official_on_all_short_texts(length: int) -> None:
    for words in itertools.product(WORDS, repeat=length):
        text = " ".join(words)
        assert yesno.official(text) == official_pope(text), text


@pytest.mark.parametrize(
    ("output", "official", "lmms", "strict"),
    [
        ("Yes", "yes", "yes", "yes"),
        ("yes", "yes", "yes", "yes"),
        ("Yes.", "yes", None, "yes"),
        ("No.", "no", None, "no"),
        (" no \n", "no", "no", "no"),
        ("no, there isn't", "no", None, None),
        ("NO", "yes", "no", "no"),
        ("", "yes", None, None),
        ("There is not.", "no", None, None),
        ("There isn't", "yes", None, None),
        ("Yes, it is no dog", "no", None, None),
        ("Yes. No.", "yes", None, None),
        ("nothing", "yes", None, None),
        ("No..", "no", None, None),
        ("是", "yes", None, None),
        ("No。", "yes", None, None),
        ("YES", "yes", "yes", "yes"),
        ("Yes .", "yes", None, "yes"),
        ("Not", "yes", None, None),
    ],
)
def test_yes_no_rules(output: str, official: str, lmms: str | None, strict: str | None) -> None:
    assert (yesno.official(output), yesno.lmms(output), yesno.strict(output)) == (official, lmms, strict)


@pytest.mark.parametrize(
    ("output", "form"),
    [
        ("The Red Circle.", "red circle"),
        ("a  dog!", "dog"),
        ("YES,", "yes"),
        ("an", ""),
        ("", ""),
        ("«rot»", "«rot»"),
        ("it's", "it s"),
        ("red。", "red"),
        ("“blue”", "blue"),
        ("rectangle?", "rectangle"),
    ],
)
def test_exact_form(output: str, form: str) -> None:
    assert short.exact_form(output) == form
