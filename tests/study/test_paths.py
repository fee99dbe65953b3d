"""Paths of a configuration: `~` and variables mean one thing everywhere, and no path ends in a traceback."""

from pathlib import Path

import pytest

from prunegrid.errors import ConfigError, DataError
from prunegrid.files import expanded
from prunegrid.results.shards import CellShards
from prunegrid.results.store import Store
from prunegrid.study.config import validate
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.outside import use_plugins
from prunegrid.study.preflight import check_inputs
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("NO_SUCH", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("~/out", "home/out"),
        ("./~/out", "home/out"),
        ("~", "home"),
        ("$SCRATCH/out", "scratch/out"),
        ("${SCRATCH}/out", "scratch/out"),
        ("$HOME/out", "home/out"),
    ],
)
def test_every_path_is_expanded_where_the_configuration_is_read(tmp_path, path, meant):
    config = configuration(
        results_dir=path,
        model_specs={"m": {"path": path}},
        benchmark_specs={"b": {"adapter": "pope", "path": path}},
        plugins=[path],
    )
    checked = validate(config, SCHEMA)
    assert checked["results_dir"] == checked["model_specs"]["m"]["path"] == str(tmp_path / meant)
    assert checked["benchmark_specs"]["b"]["path"] == checked["plugins"][0] == str(tmp_path / meant)


def test_others_stay_as_they_are():
    for path in ("owner/name", "data-*.parquet", "a~b/c", "results", "/x/$5"):
        checked = validate(configuration(results_dir=path), SCHEMA)
        assert checked["results_dir"] == path


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("$NO_SUCH/out", "no environment variable NO_SUCH"),
        ("~nobody-of-this-name/out", "no home folder ~nob"),
    ],
)
def test_what_cannot_be_expanded_is_refused(path, told):
    with pytest.raises(ConfigError, match=rf"^results_dir: .*{told}"):
        validate(configuration(results_dir=path), SCHEMA)
    with pytest.raises(ConfigError, match=told):
        use_plugins([path], HOME)


def test_a_folder_whose_name_has_a_dollar_is_used():
    Path("a$b").mkdir()
    assert expanded("a$b") == Path("a$b")


@pytest.mark.parametrize("path", ["x" * 300, "x/" * 3000, "a\0b"])
def test_a_path_that_can_be_none_is_missing(path):
    specs = {"m": {"path": str(HOME / "demo/model")}}
    config = configuration(model_specs=specs, benchmark_specs={"b": {"adapter": "pope", "path": path}})
    with pytest.raises(DataError, match=r"benchmark_specs\.b: .*no such file or folder"):
        check_inputs(StudyInputs(validate(config, SCHEMA), HOME))


def shards(folder):
    return CellShards(Store(folder), "key", 1, ["s0"], "code")


def test_a_join_removes_no_shard_that_it_cannot_open(monkeypatch, tmp_path):
    one = shards(tmp_path)
    one.write(0, [{"sample_id": "s0", "status": "ok"}], {"key": "key"})

    def gone(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    with monkeypatch.context() as patch:
        patch.setattr("prunegrid.results.shards.parquet.read_table", gone)
        with pytest.raises(DataError, match="run again to compute its samples"):
            one.join()
    assert one.is_done(0)
    one.file(0).write_bytes(one.file(0).read_bytes()[:-9] + b"xxxxxPAR1")
    with pytest.raises(DataError):
        one.join()
    assert not one.file(0).exists()


def test_shards_in_a_folder_that_begins_with_a_tilde_are_read():
    one = shards(Path("~/out"))
    one.write(0, [{"sample_id": "s0", "status": "ok"}], {"key": "key"})
    assert one.is_done(0)


def test_data_at_home_is_found(home):
    worlds.write(home / "data.parquet", "pope")
    specs = {"m": {"path": str(HOME / "demo/model")}}
    for path in ("~/data.parquet", "$HOME/d*.parquet"):
        config = configuration(model_specs=specs, benchmark_specs={"b": {"adapter": "pope", "path": path}})
        assert check_inputs(StudyInputs(validate(config, SCHEMA), HOME)) == []
