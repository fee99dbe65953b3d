"""docs/glossary.md has each term once, in order, and the terms that the code is made of."""

from tests.docs.pages import tables, text

TERMS = [term for term, _ in tables(text("glossary.md"))[0]]


def test_terms_stand_once_and_in_order():
    assert sorted(set(TERMS), key=str.lower) == TERMS


def test_terms_of_the_code_are_explained():
    of_files = "bundle shard store key marker checksum job cell row grid"
    of_tables = "block reference contrast cluster ratio"
    of_models = "schedule cut stage share ledger engine family strategy criterion scorer adapter"
    wanted = {*f"{of_files} {of_tables} {of_models}".split(), "kept tokens", "prefix sharing", "error row"}
    assert wanted <= set(TERMS)
