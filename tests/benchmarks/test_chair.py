"""CHAIR's rows as samples: a picture each, the objects that it shows as references."""

import pytest

from prunegrid import plugins
from prunegrid.errors import ConfigError
from prunegrid.lmms_tasks import installation
from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from tests.benchmarks.described import adapter, write
from tests.study.plans import HOME, SCHEMA, configuration


def test_a_picture_is_a_sample(tmp_path):
    samples = list(adapter(write(tmp_path)).samples())
    assert [sample.error for sample in samples] == [None] * 3
    assert {sample.prompt for sample in samples} == {"Please describe this image in detail."}
    assert [(one.sample_id, one.image_id) for one in samples] == [(n, n) for n in ("40", "41", "42")]
    assert [sample.references for sample in samples] == [("dog", "person"), (), ("sheep",)]


def test_a_list_written_as_text_and_broken_ones(tmp_path):
    samples = list(adapter(write(tmp_path, ['["dog"]', "dog, cat", '"dog"', None])).samples())
    assert samples[0].references == ("dog",)
    for sample, told in zip(samples[1:], ("must be a list", "must be a list", "is null"), strict=True):
        assert told in sample.error


def test_without_any_list_of_words_both_ways_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    installation.tasks_folder.cache_clear()
    with pytest.raises(ConfigError, match=r"set `synonyms` to a text file .* or install lmms-eval"):
        plugins.load("benchmarks", "chair")({"adapter": "chair", "path": str(write(tmp_path))})
    installation.tasks_folder.cache_clear()


def test_other_words_score_again_and_predict_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    words = tmp_path / "words.txt"

    def keys(text):
        words.write_text(text)
        spec = {"adapter": "chair", "path": "chair.parquet", "synonyms": "words.txt"}
        config = configuration(
            benchmark_specs={"b": spec}, strategies=["uniform"], strategy_specs={}, criteria=["norm"],
            ratios=[0.5], model_specs={"m": {"path": "somewhere", "layers": 8}},
        )  # fmt: skip
        from prunegrid.data.object_words import object_words

        object_words.cache_clear()
        plan = Plan(validate(config, SCHEMA), HOME)
        assert plan.inputs.scorer_options("b") == {"synonyms": "words.txt"}
        cell = next(iter(plan.grid.cells))
        return plan.keys.prediction_key(cell), plan.keys.score_key(cell)

    one, same, other = keys("dog, puppy\n"), keys("dog,puppy\n"), keys("dog, puppy, hound\n")
    assert one == same
    assert one[0] == other[0]
    assert one[1] != other[1]
