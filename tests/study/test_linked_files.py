"""Links in the folders of models and data: what they would leave out, or hide from keys, is refused."""

import shutil
from pathlib import Path

import pytest

from prunegrid.data.sources import locate
from prunegrid.errors import ConfigError, DataError, NotDownloadedError
from prunegrid.study.fingerprint import data_files
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.preflight import check_model
from tests.predict.runs import MODEL
from tests.study.plans import HOME, configuration

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def check(folder: Path) -> None:
    check_model(StudyInputs(configuration(model_specs={"m": {"path": str(folder)}}), HOME), "m")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model's folder whose files are links, as in the hub's cache."""
    shutil.copytree(MODEL, tmp_path / "blobs")
    folder = tmp_path / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    for file in (tmp_path / "blobs").iterdir():
        (folder / file.name).symlink_to(Path("../../blobs", file.name))
    return folder


def test_weights_behind_a_link_to_a_folder_are_refused(tmp_path: Path, model: Path) -> None:
    """Loaded they would be, and no part of the key."""
    check(model)
    carry = sorted(file.name for file in MODEL.iterdir() if file.suffix != ".md")
    assert [file.name for file in data_files(model)] == carry
    (tmp_path / "elsewhere").mkdir()
    (model / ".hidden").symlink_to("../../elsewhere")
    check(model)
    (model / "sub").symlink_to("../../elsewhere")
    told = r"m\.path: .*/sub is a link to a folder, \.\./\.\./elsewhere, whose files no key would hold: put "
    with pytest.raises(ConfigError, match=told):
        check(model)


def test_a_link_of_a_model_to_nothing_is_refused(tmp_path: Path, model: Path) -> None:
    """In the hub's cache it is a file to be fetched again."""
    (tmp_path / "blobs/tokenizer.json").unlink()
    told = r"/tokenizer\.json is a link to \.\./\.\./blobs/tokenizer\.json, which is not there: "
    with pytest.raises(NotDownloadedError, match=f"{told}run `snakemake download"):
        check(model)
    own = model.rename(model.with_name("own"))
    with pytest.raises(ConfigError, match=f"{told}get the file again, or remove the link"):
        check(own)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Return a folder of two shards, of which one is a link, beside a folder with another two."""
    (tmp_path / "more").mkdir()
    for name in ("more/c.jsonl", "more/d.jsonl", "data/a.jsonl", "b.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "data/b.jsonl").symlink_to("../b.jsonl")
    return tmp_path / "data"


def test_shards_behind_links_are_refused_by_name(shards: Path) -> None:
    (shards / "images").symlink_to("../none-of-data")
    (shards.parent / "none-of-data").mkdir()
    (shards / "loop").symlink_to(".")
    assert [file.name for file in locate(shards).files] == ["a.jsonl", "b.jsonl"]
    (shards / "test").symlink_to("../more")
    told = r"/data/test is a link to a folder, \.\./more, and holds c\.jsonl: .* set `path` to .*/data/test"
    with pytest.raises(DataError, match=told):
        locate(shards)
    assert [file.name for file in locate(shards / "test").files] == ["c.jsonl", "d.jsonl"]


def test_a_shard_that_is_a_link_to_nothing_is_refused_by_name(shards: Path) -> None:
    (shards / "c.jsonl").symlink_to("nowhere")
    with pytest.raises(DataError, match=r"/data/c\.jsonl is a link to nowhere, which is not there: put "):
        locate(shards)
    with pytest.raises(NotDownloadedError, match="which is not there: run `snakemake download"):
        locate(shutil.copytree(shards, shards.parent / "snapshots" / COMMIT, symlinks=True))
    (shards / "c.jsonl").rename(shards / "c.txt")
    assert len(locate(shards).files) == 2
