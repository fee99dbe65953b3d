"""VQA's accuracy against what the published programs made of a grid of answers (record_vqa_official.py)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunegrid.scoring.answers import vqa

FIXTURE = Path(__file__).with_name("vqa_official.json")


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FIXTURE.read_text(encoding="utf-8"))
    return content


def test_normal_forms_are_those_of_both_programs(published: dict[str, Any]) -> None:
    forms, differing = published["forms"], published["lmms_forms_that_differ"]
    assert len(forms) > 1500
    assert {text: vqa.vqa_form(text) for text in forms} == forms
    assert {text: vqa.lmms_form(text) for text in forms} == forms | differing


def test_accuracy_is_that_of_the_official_program(published: dict[str, Any]) -> None:
    assert len(published["accuracy"]) > 700
    for output, number, value in published["accuracy"]:
        references = published["references"][number]
        assert vqa.official(output, references) == pytest.approx(value, abs=1e-12), (output, references)


def test_nothing_is_normalised_where_all_ten_agree_but_in_lmms_eval() -> None:
    assert vqa.official("Yes", ["yes"] * 10) == 0.0
    assert vqa.lmms("Yes", ["yes"] * 10) == 1.0
    assert vqa.official("none", ["none "] * 10) == 1.0
    assert vqa.official("Yes", ["yes"] * 9 + ["no"]) == vqa.lmms("Yes", ["yes"] * 9 + ["no"]) == 1.0


def test_where_they_disagree_lmms_eval_is_the_official_program(published: dict[str, Any]) -> None:
    for output, number, value in published["accuracy"]:
        references = published["references"][number]
        if len({reference.strip() for reference in references}) > 1:
            assert vqa.lmms(output, references) == pytest.approx(value, abs=1e-12)


def test_accuracy_is_the_mean_over_leaving_one_out() -> None:
    references = ["red"] * 3 + ["blue"] * 6 + ["Two"]
    for said in ("red", "blue", "2", "green"):
        nine = [
            min(1.0, sum(vqa.vqa_form(r) == said for r in references[:i] + references[i + 1 :]) / 3)
            for i in range(10)
        ]
        assert vqa.lmms(said, references) == pytest.approx(np.mean(nine))
    assert vqa.lmms("red", references) == pytest.approx(0.9)
