"""docs/columns.md is the dictionary of columns, and this is what the files hold."""

import re
from collections import Counter

import pytest

from prunegrid import plugins
from prunegrid.results.column_dictionary import DICTIONARY
from prunegrid.results.column_page import page
from prunegrid.results.flow_rows import FLOW_ROWS
from prunegrid.results.measurements import MEASUREMENTS
from prunegrid.results.predictions import SCHEMA
from tests.docs import columns
from tests.docs.pages import text
from tests.docs.scored import LEFT_OUT, scored


def test_the_page_is_made_from_the_dictionary():
    assert text("columns.md") == page(), "run python -m prunegrid.results.column_page > docs/columns.md"


@pytest.mark.parametrize(
    ("file", "schema"),
    [("predictions.parquet", SCHEMA), ("latency.parquet", MEASUREMENTS), ("flow.parquet", FLOW_ROWS)],
)
def test_schemas_are_those_of_the_dictionary_in_its_order(file, schema):
    own = [(entry.name, entry.dtype) for entry in DICTIONARY[file]]
    assert own == [(field.name, columns.plain(field.type)) for field in schema]


@pytest.mark.parametrize("scorer", plugins.names("scorers"))
def test_scores_of_samples_are_those_of_the_scorer(scorer):
    # The metrics of lmms-eval's tasks have the tasks' names; those over groups of samples have parts instead.
    found = {re.sub("^value_.*", "value_{metric}", name) for name in scored(scorer).per_sample.columns}
    assert {*columns.of_scorer(scorer)} - LEFT_OUT == found


def test_scorers_that_are_named_exist():
    named = {scorer for entry in DICTIONARY["scores.parquet"] for scorer in entry.scorers}
    assert named <= {*plugins.names("scorers")}


@pytest.mark.parametrize("file", DICTIONARY)
def test_every_column_is_explained_once_in_text_of_a_table(file):
    entries = DICTIONARY[file]
    assert Counter(entry.name for entry in entries).most_common(1)[0][1] == 1
    for entry in entries:
        assert entry.meaning, entry.name
        assert entry.dtype, entry.name
        assert not {"|", "\n"} & set(entry.meaning + entry.unit), entry.name


def test_tables_of_a_study_and_the_dictionary_agree(study_of_everything):
    """tests/workflow/test_reruns.py compares all files of a run."""
    assert columns.faults_of_tables(study_of_everything) == []


def test_what_differs_is_seen(study_of_everything, tmp_path):
    tables = tmp_path / "tables"
    tables.mkdir()
    for file in ("cells.csv", "changed_answers.csv"):
        frame = columns.read(study_of_everything / "tables" / file).copy()
        frame.drop(columns="seed").assign(more=1, ratio="a").to_csv(tables / file, index=False)
    found = columns.of_csv(tables / "changed_answers.csv", frozenset())
    assert found == [
        "changed_answers.csv: column more is not in the dictionary",
        "changed_answers.csv lacks seed",
        "ratio is string, not float64",
    ]
    assert {"cells.csv lacks seed", "ratio is string, not float64"} < {*columns.of_cells(tmp_path, set())}
