"""Tables for a paper: their defaults are those of the code, and a misspelt name is refused in the plan."""

from dataclasses import asdict

import pytest
import yaml

from prunegrid.errors import ConfigError
from prunegrid.study.config import validate
from prunegrid.tables.paper_columns import COLUMNS
from prunegrid.tables.paper_options import METRICS, PaperOptions
from tests.study.plans import SCHEMA, configuration


def paper(**changes):
    return validate(configuration(tables={"paper": changes}), SCHEMA)["tables"]["paper"]


@pytest.mark.parametrize("kind", ["strategy", "criterion"])
def test_defaults_are_those_of_the_code(kind):
    found = PaperOptions(**paper()[kind])
    for name, value in asdict(PaperOptions()).items():
        own = getattr(found, name)
        assert (tuple(own) if isinstance(own, list) else own) == value


def test_names_of_columns_are_those_of_the_code():
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    own = schema["properties"]["tables"]["properties"]["paper"]["properties"]["strategy"]["properties"]
    assert own["metrics"]["items"]["enum"] == [*METRICS]
    assert own["columns"]["items"]["enum"] == [*COLUMNS]


def test_names_of_the_grid_are_taken():
    chosen = {
        "strategy": {"rows": ["none", "blind", "exit"], "fixed": ["random"], "ratios": ["0.65"]},
        "criterion": {"rows": ["mismatched", "random"], "fixed": ["hierarchical"], "intervals": "true"},
    }
    found = paper(**chosen)
    assert found["strategy"]["ratios"] == [0.65]
    assert found["criterion"]["intervals"] is True


@pytest.mark.parametrize(
    ("kind", "choice", "says"),
    [
        (
            "strategy",
            {"rows": ["hierarchcal"]},
            "rows: 'hierarchcal' is not in the grid: did you mean 'hierarchical'",
        ),
        ("criterion", {"rows": ["hierarchical"]}, "criterion.rows: 'hierarchical' is not in the grid"),
        ("criterion", {"rows": ["atention"]}, "did you mean 'attention'"),
        (
            "strategy",
            {"fixed": ["randm"]},
            "strategy.fixed: 'randm' is not in the grid: did you mean 'random'",
        ),
        ("criterion", {"fixed": ["exit"]}, "criterion.fixed: 'exit' is not in the grid"),
        ("strategy", {"benchmarks": ["c"]}, "strategy.benchmarks: 'c' is not in the grid: valid: b"),
        ("strategy", {"ratios": [0.6]}, "strategy.ratios: 0.6 is not in the grid: .*valid: 0.5, 0.65"),
        (
            "strategy",
            {"match": ["tflops_total"]},
            "strategy.match: 'tflops_total' is not in the grid: valid: share",
        ),
        ("strategy", {"metrics": ["values"]}, "did you mean 'value'"),
        ("criterion", {"columns": ["tflops"]}, "did you mean 'tflops_total'"),
        ("criterion", {"width": "three"}, "'three' is not allowed"),
        ("criterion", {"interval": True}, "unknown key 'interval': did you mean 'intervals'"),
        ("strateg", {}, "unknown key 'strateg': did you mean 'strategy'"),
    ],
)
def test_what_is_misspelt_is_refused_with_the_nearest_name(kind, choice, says):
    with pytest.raises(ConfigError, match=says):
        paper(**{kind: choice})
