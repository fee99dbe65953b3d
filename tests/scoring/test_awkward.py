"""Answers read off awkward outputs: awkward.tsv, whose expected column was decided by hand, row by row.

An expected answer is what a careful reader takes the text to give; it is empty where the text gives none, or
several alike. The class says what is awkward. `output` is a JSON string, `choices` are divided by bars.
"""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from prunegrid.scoring.answers import option, stated

with Path(__file__).with_name("awkward.tsv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
CLASSES = sorted({(row["rule"], row["class"]) for row in ROWS})


def read(row: dict[str, str]) -> str:
    output = json.loads(row["output"])
    if row["rule"] == "letter":
        return option.letter(output, row["choices"].split("|")) or ""
    return stated.stated(output) or ""


@pytest.mark.parametrize(("rule", "kind"), CLASSES)
def test_every_awkward_output_is_read_as_by_hand(rule: str, kind: str) -> None:
    rows = [row for row in ROWS if (row["rule"], row["class"]) == (rule, kind)]
    wrong = {row["output"]: (read(row), row["expected"]) for row in rows if read(row) != row["expected"]}
    assert not wrong, "output: (read, by hand)"


def test_the_table_is_large_varied_and_has_no_row_twice() -> None:
    rows = Counter((row["rule"], row["choices"], row["output"]) for row in ROWS)
    assert max(rows.values()) == 1
    by_rule = Counter(row["rule"] for row in ROWS)
    assert by_rule["letter"] >= 600
    assert by_rule["stated"] >= 200
    expected = {row["expected"] for row in ROWS if row["rule"] == "letter"}
    assert expected == {*"ABCDEFHIJ", ""}


@pytest.mark.parametrize("letter", "ABCD")
@pytest.mark.parametrize("other", "ABCD")
def test_which_letters_are_meant_does_not_matter(letter: str, other: str) -> None:
    if letter == other:
        return
    choices = ["cat", "hot dog", "dog", "red car"]
    for frame, expected in (
        ("{other} is incorrect. The answer is {letter}.", letter),
        ("It could be {other}, but {letter} is right", letter),
        ("not {other}, {letter}", letter),
        ("vitamin {other} is {letter}", letter),
        ("{other}. No wait, {letter}", letter),
        ("{other}... Actually, {letter}", letter),
        ("The answer is {letter}. {other} shows something else.", letter),
        ("{letter}, not {other}", letter),
        ("{other} or {letter}", None),
        ("either {other} or {letter}", None),
        ("{other} and {letter}", None),
        ("neither {other} nor {letter}", None),
    ):
        text = frame.format(letter=letter, other=other)
        assert option.letter(text, choices) == expected, text
