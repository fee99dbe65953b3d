"""A model's folder that would give other results than its key stands for is refused in the plan."""

import json
import shutil
from pathlib import Path

import pytest

from prunegrid.errors import ConfigError
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.preflight import check_model
from tests.predict.runs import MODEL
from tests.study.plans import HOME, configuration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(MODEL, tmp_path / "model")


def check(folder: Path) -> None:
    check_model(StudyInputs(configuration(model_specs={"m": {"path": str(folder)}}), HOME), "m")


@pytest.mark.parametrize("alone", [False, True])
def test_an_adapter_is_refused(folder: Path, alone: bool) -> None:
    """Beside the base model's files, or without them, as adapters are published."""
    if alone:
        shutil.rmtree(folder)
        folder.mkdir()
    else:
        check(folder)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    told = (
        r"^model_specs\.m\.path: .*/adapter_config\.json: adapters \(LoRA\) .* \(`merge_and_unload` of peft"
    )
    with pytest.raises(ConfigError, match=told):
        check(folder)


@pytest.mark.parametrize("name", ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "drawn",
    [
        '{{ ["Look.", "See."] | random }}',
        "{{ names|random }}",
        "{{ names |\n  random }}",
        "{% filter random %}ab{% endfilter %}",
        '{{ lists | map("random") | join }}',
        "{{ lipsum(n=1) }}",
    ],
)
def test_a_template_that_draws_at_random_is_refused(folder: Path, name: str, drawn: str) -> None:
    def put(text: str) -> None:
        stored = text if name.endswith(".jinja") else json.dumps({"chat_template": text})
        (folder / name).write_text(stored)

    put("{{ random }}{% if order == 'random' %}a random | randomly{% endif %}")
    check(folder)
    put(f"{{# A preamble. #}}{drawn}")
    with pytest.raises(
        ConfigError, match=rf"{name} draws at random .*each job would have prompts of its own"
    ):
        check(folder)
