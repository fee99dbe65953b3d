"""RefCOCO's rows as samples: an expression each, asked as a family is, its box in the document."""

import json

import pytest

from prunegrid import plugins
from prunegrid.data import prompt_texts
from prunegrid.errors import ConfigError
from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from tests.benchmarks.grounding import EXPRESSIONS, HEIGHT, WIDTH, adapter, rows, write
from tests.study.plans import HOME, SCHEMA, configuration

FAMILIES = {
    "llava": ("llava", "unit", "cropped"),
    "llava_next": ("llava", "unit", "whole"),
    "internvl": ("internvl", "thousand", "whole"),
    "qwen2_vl": ("llava", "thousand", "whole"),
    "qwen2_5_vl": ("qwen", "pixels", "whole"),
    "qwen3_vl": ("qwen", "thousand", "whole"),
}


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "refcoco.parquet")


def test_an_expression_is_a_sample_and_a_picture_a_cluster(file):
    samples = list(adapter(file).samples())
    assert len(adapter(file)) == len(samples) == 6
    assert [sample.error for sample in samples] == [None] * 6
    assert [sample.sample_id for sample in samples] == ["7/0", "7/1", "8/0", "9/0", "9/1", "9/2"]
    assert [sample.question for sample in samples] == [one.strip() for own in EXPRESSIONS for one in own]
    assert len({sample.image_id for sample in samples[:3]}) == 1
    assert samples[0].image_id != samples[3].image_id
    assert samples[0].answer == "[6.0, 4.0, 36.0, 24.0]"
    assert json.loads(samples[2].document) == {
        "bbox": [0.0, 0.0, 60.0, 10.5], "width": WIDTH, "height": HEIGHT,
    }  # fmt: skip


@pytest.mark.parametrize("prompt", prompt_texts.BOXES)
def test_prompts(file, prompt):
    one = adapter(file, prompt=prompt)
    assert prompt_texts.BOXES[prompt].count("{}") == 1
    texts = [prompt_texts.BOXES[prompt].replace("{}", own.strip()) for row in EXPRESSIONS for own in row]
    assert one.texts() == [sample.prompt for sample in one.samples()] == texts
    assert one.max_new_tokens == {"internvl": 100, "qwen": 128}.get(prompt, 64)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bbox": [1.0, 2.0, 0.0, 4.0]}, "bbox is .* must be left, top, width and height"),
        ({"bbox": [1.0, 2.0, 3.0]}, "bbox is .* must be left, top, width and height"),
        ({"bbox": [1.0, None, 3.0, 4.0]}, "bbox is .* must be left, top, width and height"),
        ({"bbox": None}, "bbox is None, must be left"),
        ({"answer": []}, "answer is list, must be text"),
        ({"answer": ["  "]}, "answer is empty"),
        ({"image": {"bytes": b"no picture", "path": None}}, "image cannot be decoded"),
    ],
)
def test_a_broken_row_is_an_error_row(tmp_path, change, told):
    changed = rows()
    changed[1] |= change
    faults = [sample.error for sample in adapter(write(tmp_path / "rows.parquet", changed)).samples()]
    assert [fault is None for fault in faults] == [True, True, False, True, True, True]
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(faults[2])


def test_predictions_never_depend_on_the_box(tmp_path, file):
    changed = [{**row, "bbox": [1.0, 1.0, 2.0, 2.0]} for row in rows()]
    other = write(tmp_path / "other.parquet", changed)
    for one, same in zip(adapter(file).samples(), adapter(other).samples(), strict=True):
        assert (one.prompt, one.question, one.image_id) == (same.prompt, same.question, same.image_id)


@pytest.mark.parametrize("family", [*FAMILIES, "gemma3"])
def test_what_is_left_out_follows_from_the_family(family):
    prompt, coordinates, frame = FAMILIES.get(family, ("llava", "unit", "whole"))
    asked = plugins.load("benchmarks", "refcoco").for_model
    assert asked(family, "processor") == {"prompt": prompt, "coordinates": coordinates, "frame": frame}
    assert asked(family, "pad") == {"prompt": prompt, "coordinates": coordinates, "frame": "padded"}
    assert asked(family, "crop")["frame"] == "cropped"


def test_families_that_are_named_exist():
    assert set(FAMILIES) <= {*plugins.names("models")}


@pytest.mark.parametrize(
    ("name", "hub_name", "split", "expressions"),
    [
        ("refcoco", "RefCOCO", "testA", 5657),
        ("refcoco+", "RefCOCOplus", "testA", 5726),
        ("refcocog", "RefCOCOg", "test", 9602),
    ],
)
def test_where_the_sets_lie(name, hub_name, split, expressions):
    asked = plugins.load("benchmarks", "refcoco")({"adapter": "refcoco", "set": name})
    paths, where = asked.hub_files()
    assert paths == [f"lmms-lab-encoder/{hub_name}", f"lmms-lab/{hub_name}"]
    assert where["split"] == split
    other = plugins.load("benchmarks", "refcoco")({"adapter": "refcoco", "set": name, "split": "val"})
    assert other.hub_files()[1]["split"] == "val"
    assert (asked.n_published(), other.n_published()) == (expressions, None)


def test_misspelt_coordinates_are_refused(file):
    with pytest.raises(ConfigError, match="unknown coordinates 'pixel': did you mean 'pixels'"):
        adapter(file, coordinates="pixel")


@pytest.fixture
def plan(tmp_path, file, monkeypatch):
    """Return a plan of RefCOCO for two families, under changes of its specification."""
    monkeypatch.chdir(tmp_path)
    for name in ("llava", "qwen2_5_vl"):
        (tmp_path / name).mkdir()
        config = {"model_type": name, "text_config": {"num_hidden_layers": 8}}
        (tmp_path / name / "config.json").write_text(json.dumps(config))

    def planned(**spec) -> Plan:
        config = configuration(
            models=["a", "b"],
            model_specs={"a": {"path": "llava", "image_mode": "pad"}, "b": {"path": "qwen2_5_vl"}},
            benchmark_specs={"b": {"adapter": "refcoco", "path": str(file), **spec}},
            strategies=["uniform"],
            strategy_specs={},
            criteria=["norm"],
            ratios=[0.5],
        )
        return Plan(validate(config, SCHEMA), HOME)

    return planned


def test_each_model_of_a_study_is_asked_and_read_in_its_own_way(plan):
    inputs = plan().inputs
    assert [inputs.adapter("b", model).prompt for model in "ab"] == ["llava", "qwen"]
    assert inputs.scorer_options("b", "a") == {"coordinates": "unit", "frame": "padded"}
    assert inputs.scorer_options("b", "b") == {"coordinates": "pixels", "frame": "whole"}
    told = plan(prompt="lmms", coordinates="unit").inputs
    assert [told.adapter("b", model).prompt for model in "ab"] == ["lmms", "lmms"]
    assert told.scorer_options("b", "b")["coordinates"] == "unit"


def test_other_coordinates_score_again_and_predict_nothing(plan):
    def keys(**spec):
        made = plan(**spec)
        cells = [*made.grid.cells][:3]
        return [[key(cell) for cell in cells] for key in (made.keys.prediction_key, made.keys.score_key)]

    predictions, scores = keys()
    others = keys(coordinates="thousand")
    assert others[0] == predictions
    assert not set(others[1]) & set(scores)
    assert not set(keys(prompt="lmms")[0]) & set(predictions)
