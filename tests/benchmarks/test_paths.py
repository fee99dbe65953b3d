"""What a `path` means: a file here, or a data set on the hub."""

import pytest

from prunegrid import plugins
from prunegrid.data import hub
from prunegrid.errors import ConfigError, DataError, NotDownloadedError
from prunegrid.study.config import validate
from prunegrid.study.inputs import DEMO_DATA, StudyInputs
from prunegrid.study.preflight import check_inputs
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration

DEMO = {"m": {"path": str(HOME / "demo/model")}}


@pytest.fixture(autouse=True)
def nothing_cached(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def inputs(path):
    spec = {"b": {"adapter": "pope", "path": path}}
    return StudyInputs(validate(configuration(model_specs=DEMO, benchmark_specs=spec), SCHEMA), HOME)


def adapter(path):
    return plugins.load("benchmarks", "pope")({"adapter": "pope", "path": path})


@pytest.mark.parametrize("path", ["lmms-lab/POPE", "owner/llava-1.5", "me/set_2.v3", "a/b.hf"])
def test_names_on_the_hub_may_have_dots(path):
    assert hub.is_hub_id(path)
    assert check_inputs(inputs(path))[0].startswith(f"benchmark_specs.b: {path}: no such file or folder here")


@pytest.mark.parametrize(
    "name", ["a.tsv", "a.parquett", "a.parqet", "a.jsonlines", "a.JSONL", "a.csv.gz", "a.h5"]
)
@pytest.mark.parametrize("folder", ["", "data/"])
def test_a_file_of_another_kind_is_refused_before_the_run(tmp_path, folder, name):
    """Whether it is there or not, and for `download` too, which would look for it on the hub."""
    path = f"{folder}{name}"
    with pytest.raises(
        DataError, match=rf"benchmark_specs\.b: {path}: no such file .* must be \*\.parquet or"
    ):
        check_inputs(inputs(path))
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("question\tanswer\n")
    with pytest.raises(
        DataError, match=r"benchmark_specs\.b: .*must be \*\.parquet or \*\.jsonl, found '\."
    ) as told:
        check_inputs(inputs(path))
    assert not isinstance(told.value, NotDownloadedError)
    with pytest.raises(DataError, match="must be"):
        adapter(path).hub_files()


@pytest.mark.parametrize("make", ["file", "folder"])
def test_what_lies_here_is_not_fetched_from_the_hub(tmp_path, make):
    worlds.write(tmp_path / "data/set.v2" / "a.parquet", "pope") if make == "folder" else None
    if make == "folder":
        assert adapter("data/set.v2").hub_files() is None
        (tmp_path / "data/set.v2/a.parquet").unlink()
    else:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/set.v2").write_text("")
    with pytest.raises(DataError, match=r"holds no \*\.parquet|must be \*\.parquet"):
        adapter("data/set.v2").hub_files()


def test_an_empty_path_is_not_taken_for_the_published_data_set():
    with pytest.raises(ConfigError, match=r"benchmark_specs\.b\.path: ''"):
        inputs("")


def test_a_model_that_is_a_file_is_no_hub_id(tmp_path):
    spec = {"b": {"adapter": "pope", "path": str(worlds.write(tmp_path / "a.parquet", "pope"))}}
    models = {"m": {"path": "models/llava.safetensors", "layers": 8}}
    known = StudyInputs(validate(configuration(model_specs=models, benchmark_specs=spec), SCHEMA), HOME)
    with pytest.raises(
        ConfigError, match=r"model_specs\.m\.path: models/llava\.safetensors has no config\.json"
    ):
        check_inputs(known)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"image": "picture"}, "b: .*missing columns: picture"),
        ({"category": "kind"}, "b: .*missing columns: kind"),
        ({"imgae": "image"}, "b: .*columns: unknown column 'imgae': did you mean 'image'"),
    ],
)
def test_columns_that_a_file_has_not_are_refused_before_the_run(tmp_path, columns, told):
    path = str(worlds.write(tmp_path / "a.parquet", "pope"))
    spec = {"b": {"adapter": "pope", "path": path, "columns": columns}}
    known = StudyInputs(validate(configuration(model_specs=DEMO, benchmark_specs=spec), SCHEMA), HOME)
    with pytest.raises((ConfigError, DataError), match=rf"benchmark_specs\.{told}"):
        check_inputs(known)


def test_columns_of_a_file_that_a_rule_makes_have_the_adapters_names():
    def known(columns):
        spec = {"b": {"adapter": "pope", "path": DEMO_DATA[1], "columns": columns}}
        config = validate(configuration(model_specs=DEMO, benchmark_specs=spec), SCHEMA)
        return StudyInputs(config, HOME, DEMO_DATA)

    assert check_inputs(known({"image": "image"})) == []
    with pytest.raises(ConfigError, match=r"benchmark_specs\.b\.columns: 'image' is not called 'pic'"):
        check_inputs(known({"image": "pic"}))
