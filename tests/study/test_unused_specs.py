"""A specification that nothing uses is refused where its name is another, misspelt, and told otherwise."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from prunegrid.errors import ConfigError
from prunegrid.study.config import validate
from prunegrid.study.unused_specs import check_unused
from tests.study.plans import HOME, SCHEMA, merged


def unused(tmp_path: Path, given: dict[str, Any] | None = None, **overlay: Any) -> list[str]:
    file = tmp_path / "my.yaml"
    file.write_text(yaml.safe_dump(overlay))
    return check_unused(validate(merged(file), SCHEMA), [file], given or {}, HOME)


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        (
            {"benchmark_specs": {"easyvq": {"adapter": "vqa", "path": "a.parquet"}}},
            "benchmark_specs: 'easyvq' is used nowhere: did you mean 'easyvqa'? `benchmarks` names easyvqa, ",
        ),
        (
            {"model_specs": {"dmeo": {"path": "a"}}},
            "model_specs: 'dmeo' is used nowhere: did you mean 'demo'?",
        ),
        (
            {"strategy_specs": {"hierachical": {"type": "hierarchical"}}},
            "strategy_specs: 'hierachical' is used nowhere: did you mean 'hierarchical'?",
        ),
        (
            {"criterion_specs": {"atention": {"type": "attention"}}},
            "criterion_specs: 'atention' is used nowhere: did you mean 'attention'?",
        ),
    ],
)
def test_a_misspelt_name_is_refused(tmp_path: Path, overlay: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        unused(tmp_path, **overlay)
    assert str(error.value).startswith(told)


def test_of_the_command_line_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'dmeo' is used nowhere"):
        unused(tmp_path, {"model_specs": {"dmeo": {"path": "a"}}})


def test_a_file_may_specify_more_than_a_study_uses(tmp_path: Path) -> None:
    """A collection of one's own models, of which one is used, and another form of one that is ours."""
    specs = {
        "mine-7b": {"path": "demo/model"},
        "mine-13b": {"path": "a"},
        "llava-1.5-7b": {"dtype": "float32"},
    }
    models: dict[str, Any] = {"models": ["mine-7b"], "model_specs": specs}
    assert unused(tmp_path, **models) == ["model_specs.mine-13b"]
    single = {"strategies": ["uniform"], "strategy_specs": {"single": {"options": {"layer": 3}}}}
    assert unused(tmp_path, **models, **single) == ["model_specs.mine-13b"]


def test_what_is_used_or_shipped_is_not_told(tmp_path: Path) -> None:
    assert unused(tmp_path, benchmark_specs={"easyvqa": {"limit": 3}}) == []
    assert unused(tmp_path) == []


@pytest.mark.parametrize("file", sorted(HOME.glob("config/*.yaml")), ids=lambda file: file.name)
def test_no_file_of_the_repository_is_refused(file: Path) -> None:
    assert check_unused(validate(merged(file), SCHEMA), [file], {}, HOME) == []


def test_a_copy_of_a_file_of_the_repository_is_not_refused(tmp_path: Path) -> None:
    """Its names are the repository's, wherever it lies."""
    for source in sorted(HOME.glob("config/*.yaml")):
        copy = tmp_path / source.name
        copy.write_text(source.read_text(encoding="utf-8"))
        assert check_unused(validate(merged(copy), SCHEMA), [copy], {}, HOME) == []
