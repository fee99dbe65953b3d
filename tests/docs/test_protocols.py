"""docs/protocols.md quotes the prompts that are asked, and lists the columns and rules that there are."""

import re

import pytest

from prunegrid import plugins
from prunegrid.data import prompt_texts
from prunegrid.predict.chat import VICUNA
from prunegrid.tables.options import TableOptions
from tests.docs.pages import blocks, codes, prose, section, tables
from tests.docs.scored import LEFT_OUT, scored

PAGE = "protocols.md"
ADAPTERS = plugins.names("benchmarks")
SOURCES, COLUMNS = (
    {codes(row[0])[0]: row[1:] for row in rows} for rows in tables(section(PAGE, "Data sets"))
)
(VARIANTS,) = tables(section(PAGE, "Prompts"))


def test_prompts_are_quoted_word_for_word():
    question, choices = "{question}", ["{choice A}", "{choice B}"]
    assert blocks(section(PAGE, "Prompts")) == [
        prompt_texts.options_in_brackets(question, choices),
        prompt_texts.lettered(question, choices, context="{hint}"),
        prompt_texts.yes_no(question),
        prompt_texts.CAPTION,
        prompt_texts.DESCRIPTION,
        "\n".join(text.format("{expression}") for text in prompt_texts.BOXES.values()),
        VICUNA,
    ]


def test_every_adapter_is_listed():
    assert sorted(SOURCES) == sorted(COLUMNS) == ADAPTERS
    assert sorted(codes(row[0])[0] for row in VARIANTS) == ADAPTERS


@pytest.mark.parametrize("name", ADAPTERS)
def test_where_a_data_set_lies(name):
    _, hub, config, split, rows, scorer = SOURCES[name]
    adapter = plugins.load("benchmarks", name)
    assert tuple(codes(hub)) == adapter.hub_ids
    assert (config or None, split or None) == (adapter.hub_config, adapter.hub_split)
    assert rows == (f"{adapter.published_samples:,}" if adapter.published_samples else "")
    assert codes(scorer) == [adapter.scorer]


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_columns_that_a_file_must_have(name):
    needed, _, one_of = COLUMNS[name][0].partition("; one of ")
    adapter = plugins.load("benchmarks", name)
    listed = re.findall(r"`(\w+)`(?: \(([\w ]+)\))?", needed)
    assert {column: kind or "image" for column, kind in listed} == adapter.required_columns
    assert sorted(codes(one_of)) == sorted(adapter.one_of_columns)


@pytest.mark.parametrize("row", VARIANTS, ids=lambda row: row[0])
def test_prompt_variants_and_lengths(row):
    adapter = plugins.load("benchmarks", codes(row[0])[0])
    assert tuple(codes(row[1])) == adapter.prompts
    default, *others = row[2].split("; ")
    assert int(default) == adapter.max_new_tokens
    lengths = {codes(other)[0]: int(other.rpartition(" ")[2]) for other in others}
    assert lengths == adapter.variant_tokens


def test_families_that_answer_with_boxes():
    (rows,) = tables(section(PAGE, "Boxes"))
    asked = plugins.load("benchmarks", "refcoco").for_model
    for family, *told in rows:
        name = codes(family)[0] if codes(family) else "gemma3"
        assert [codes(one)[0] for one in told] == [*asked(name, "processor").values()]
    listed = {codes(family)[0] for family, *_ in rows if codes(family)}
    usual = asked("gemma3", "processor")
    assert listed == {name for name in plugins.names("models") if asked(name, "processor") != usual}


def test_every_scorer_is_listed_with_its_variants():
    (rows,) = tables(section(PAGE, "Scoring"))
    assert sorted(codes(row[0])[0] for row in rows) == plugins.names("scorers")
    for name, variants, metrics in rows:
        scorer = plugins.load("scorers", codes(name)[0])
        assert tuple(codes(variants)) == scorer.variants, name
        assert codes(variants)[0] == scorer.headline_variant, name
        assert codes(metrics)[0] == scorer.headline, name


@pytest.mark.parametrize("name", plugins.names("scorers"))
def test_metrics(name):
    """Those of one category of POPE, and their means, are named after the pooled ones."""
    (rows,) = tables(section(PAGE, "Scoring"))
    (listed,) = [codes(metrics) for scorer, _, metrics in rows if codes(scorer) == [name]]
    named_after = ("_random", "_category_mean")
    found = {metric for metric in scored(name).metrics if not metric.endswith(named_after)}
    assert set(listed) - LEFT_OUT == found


def test_every_variant_is_explained():
    part = section(PAGE, "Scoring")
    assert set(re.findall(r"\*\*`(\w+)`\*\*", part)) == {
        variant for name in plugins.names("scorers") for variant in plugins.load("scorers", name).variants
    }


def test_replicates():
    assert f"`tables.replicates` ({TableOptions().replicates:,}) times" in prose(PAGE, "Statistics")
