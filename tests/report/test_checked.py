"""The page says whether a model was checked, passed, and is what was checked."""

import json
import random

import pytest

from prunegrid.checks.finding import CheckResult, Finding
from prunegrid.errors import DataError
from prunegrid.report.checked import checked
from prunegrid.results.predictions import SCHEMA, write_finished
from tests.results.flipped import damaged
from tests.workflow.faults import check

OF = {"code": "c", "weights": "w"}
WHERE = {
    "dtype": "float16",
    "attn_implementation": "sdpa",
    "device": {"type": "cuda", "name": "NVIDIA H100 80GB HBM3"},
}
PASSED = Finding("ledger", True, "within 0.01 % < 1 %", {"none": 0.0001})


def section(folder, result=None, predicted=None, **of):
    file = folder / "check.json"
    if result is not None:
        result.write(file)
    predictions = None
    if predicted is not None:
        predictions = folder / "predictions.parquet"
        write_finished(predictions, SCHEMA.empty_table(), predicted)
    return checked({"file": str(file), **OF, **of}, predictions)


def result(*findings, **about):
    return CheckResult(findings or [PASSED], {"batch_size": 8}, {**OF, **WHERE, **about})


def test_a_model_without_a_check(tmp_path):
    page = section(tmp_path)
    assert "No check of this model was run here" in page
    assert "snakemake --cores 1 check" in page


def test_a_check_that_holds(tmp_path):
    page = section(tmp_path, result(), {**WHERE, "devices": [WHERE["device"]]})
    assert "warning" not in page
    assert "within 0.01 % &lt; 1 %" in page
    assert "NVIDIA H100" in page
    assert section(tmp_path, result(), WHERE) == page


@pytest.mark.parametrize(
    ("predicted", "of", "what"),
    [
        ({}, {"code": "d"}, "code"),
        ({}, {"weights": "v"}, "weights"),
        ({"dtype": "bfloat16"}, {}, "dtype"),
        ({"attn_implementation": "eager"}, {}, "attention"),
        ({"devices": [{"type": "cuda", "name": "NVIDIA A10"}]}, {}, "device"),
        ({"devices": [WHERE["device"], {"type": "cpu", "name": "a CPU"}]}, {}, "device"),
    ],
)
def test_a_check_of_something_else(tmp_path, predicted, of, what):
    page = section(tmp_path, result(), {**WHERE, **predicted}, **of)
    assert f"the check is of other {what}: " in page


def test_a_check_that_failed(tmp_path):
    failed = Finding("kept sets by definition", False, "1 of 56 cuts keep other tokens")
    page = section(tmp_path, result(PASSED, failed))
    assert "the check failed" in page
    assert "FAIL" in page
    assert json.loads((tmp_path / "check.json").read_text())["passed"] is False


def test_a_file_that_is_no_check(tmp_path):
    (tmp_path / "check.json").write_text("[]")
    with pytest.raises(DataError, match=r"check\.json is no check\.json"):
        section(tmp_path)


def test_any_flipped_bit_of_a_check_is_refused(tmp_path):
    page = section(tmp_path, result())
    chosen = random.Random(5)
    remedy = r"delete .*check\.json and run again"
    for name in ("check.json", "check.checksum.json"):
        for _ in range(60):
            with damaged(tmp_path / name, chosen), pytest.raises(DataError, match=remedy) as told:
                section(tmp_path)
    check("check.json is edited", str(told.value))
    assert section(tmp_path) == page
