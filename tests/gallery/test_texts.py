"""Texts of data sets are shown as they are, and are never markup."""

import html
import json
from html.parser import HTMLParser

import pytest

from prunegrid.gallery.texts import MOST, embedded_json, isolated, shown
from tests.gallery.made_up import HOSTILE


class Reader(HTMLParser):
    """What a parser sees: tags and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_no_markup(text):
    reader = Reader()
    reader.feed(f"<p>{isolated(text)}</p>")
    assert reader.tags == ["p", "bdi"]
    shown(text).encode("utf-8")
    assert not set(shown(text)) & {"\0", "\x1b", "\ud83d", "<", ">"}


def test_a_text_is_whole_or_says_how_long_it_is():
    plain = "a < b & 'c' \"d\" \u202e\u05e9\n\t"
    assert html.unescape(shown(plain)) == plain
    long = "x" * 10_000
    assert shown(long) == "x" * MOST + "… (10,000 characters)"
    assert shown(long, 20) == "x" * 20 + "…"


@pytest.mark.parametrize("text", HOSTILE)
def test_json_cannot_end_its_script(text):
    found = embedded_json({"text": text})
    assert not set("<>&\u2028\0") & set(found)
    assert json.loads(found) == {"text": text}


UNBALANCED = ["\u2067a", "a\u2069", "\u2066\u2068b\u2069", "\u2069\u2067\u2069\u2069", HOSTILE[3]]


@pytest.mark.parametrize("text", UNBALANCED)
def test_directions_end_with_the_text(text):
    depth = 0
    for letter in shown(text):
        depth += (letter in "\u2066\u2067\u2068") - (letter == "\u2069")
        assert depth >= 0
    assert depth == 0
