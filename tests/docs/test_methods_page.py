"""docs/methods.md lists the methods that there are, as they declare themselves."""

import re

import pytest

from prunegrid import plugins
from prunegrid.study.budgets import budget_of
from tests.docs.pages import codes, section, tables
from tests.study.plans import HOME

PAGE = "methods.md"
LISTED = {codes(row[0])[0]: row for row in tables(section(PAGE, "Which there are"))[0]}


def test_all_methods_are_listed():
    assert sorted(LISTED) == plugins.names("methods")


@pytest.mark.parametrize("name", LISTED)
def test_a_method_is_listed_as_it_declares_itself(name):
    described, (_, title, parts, *_) = plugins.describe("methods", name), LISTED[name]
    assert title.partition(",")[0] == described["title"]
    assert codes(parts) == [part for part in (described["strategy"], described["criterion"]) if part]
    numbers = re.findall(r"arXiv ([\d.]+)", described["paper"])
    assert re.findall(r"\[arXiv ([\d.]+)\]\(https://arxiv\.org/abs/\1\)", title) == numbers


def test_the_code_that_was_read_is_listed():
    rows = {codes(row[0])[0]: row for row in tables(section(PAGE, "Where the published code was read"))[0]}
    declared = {name: plugins.describe("methods", name) for name in LISTED}
    read = {name: one for name, one in declared.items() if one["repository"]}
    assert list(rows) == list(read)
    assert declared.keys() - read.keys() == {"random_tokens", "pool", "downsample"}
    for name, (_, repository, commit, how) in rows.items():
        assert f"https://{read[name]['repository']})" in repository
        assert commit == read[name]["commit"] != ""
        for file in codes(how):
            assert (HOME / file).is_file()


def test_budgets_are_as_they_say():
    rows = tables(section(PAGE, "Budgets"))[0]
    forms = [codes(row[0])[0] for row in rows]
    assert forms == ["192", "K=2, R=50%", "[[2, 288], [8, 72]]"]
    n_layers, n_tokens = 32, 576
    expected = [
        1 - 192 / n_tokens,
        0.5 * (1 - 2 / n_layers),
        1 - (2 * 576 + 6 * 288 + 24 * 72) / 32 / n_tokens,
    ]
    written = [192, forms[1], [[2, 288], [8, 72]]]
    assert [budget_of(one, n_layers, n_tokens).ratio for one in written] == pytest.approx(expected, abs=1e-6)
