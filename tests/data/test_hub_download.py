"""Downloads against a stand-in for the hub on the loopback address."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prunegrid import plugins
from prunegrid.data import hub as cache
from prunegrid.data.hub_download import fetch_data, fetch_model
from prunegrid.errors import DataError
from tests.benchmarks import worlds
from tests.data.standin import Hub

HOME = Path(__file__).parents[2]
MODEL = {
    "config.json": b'{"model_type": "llava"}',
    "model-00001-of-00002.safetensors": bytes(range(256)) * 400,
    "model-00002-of-00002.safetensors": bytes(range(255, -1, -1)) * 400,
    "model.safetensors.index.json": b'{"weight_map": {"a": "model-00001-of-00002.safetensors", '
    b'"b": "model-00002-of-00002.safetensors"}}',
    "pytorch_model.bin": b"a pickle",
    "README.md": b"# Model",
    "modeling.py": b"raise SystemExit",
}
WANTED = {name for name in MODEL if name.endswith((".json", ".safetensors"))}
WEIGHTS = "model-00002-of-00002.safetensors"
TOKEN = "hf_thisIsSecretAndMustNotBeShown"
# What a process of its own runs: a download as the rule's script makes it.
FETCH = """
import logging
from prunegrid.data.hub_download import fetch_model
logging.basicConfig(level=logging.INFO)
print(fetch_model("owner/model", None))
"""


@pytest.fixture
def pope(tmp_path):
    file = worlds.write(tmp_path / "pope.parquet", "pope").read_bytes()
    return {
        "data/test-00000-of-00001.parquet": file,
        "Full/random-00000-of-00001.parquet": file,
        "README.md": b"# POPE",
    }


@pytest.fixture
def hub(tmp_path, monkeypatch, pope):
    """A hub where POPE is still under its old name, and an empty cache."""
    repositories = {"models/owner/model": MODEL, "datasets/lmms-lab/POPE": pope}
    with Hub(repositories) as standin:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", standin.url)
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", standin.url)
        template = standin.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield standin


@pytest.fixture
def logged(caplog):
    """Return what is logged, lines of progress included."""
    caplog.set_level(logging.INFO, "prunegrid")
    return caplog


def names(folder):
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_model_is_fetched_once_verified_and_read_without_a_network(hub, tmp_path, logged):
    folder = fetch_model("owner/model", None)
    commit = hub.commit("models/owner/model")
    assert folder == tmp_path / "cache/models--owner--model/snapshots" / commit
    assert names(folder) == WANTED
    assert all((folder / name).read_bytes() == MODEL[name] for name in WANTED)
    assert commit in logged.messages[0]
    assert "4 files" in logged.messages[0]
    assert "verified 4 files by checksum" in logged.messages[-1]
    sent = dict(hub.sent)
    assert fetch_model("owner/model", None) == folder
    assert hub.sent == sent, "nothing is sent twice"
    fetch_model("owner/model", None, remote_code=True)
    assert names(folder) == WANTED | {"modeling.py"}
    hub.repositories.clear()
    assert cache.cached("owner/model", kind="model") == folder
    assert cache.commit_of(folder) == commit
    assert cache.missing_weights(folder) == []


def test_of_a_data_set_one_split_is_fetched_from_the_first_repository_that_exists(hub):
    reader = plugins.load("benchmarks", "pope")({"adapter": "pope"})
    repositories, where = reader.hub_files()
    assert repositories == ["lmms-lab-encoder/POPE", "lmms-lab/POPE"]
    folder = fetch_data(repositories, **where)
    assert names(folder) == {"data/test-00000-of-00001.parquet"}
    assert reader.check() == 6
    told = reader.provenance()
    assert (told["path"], told["revision"]) == ("lmms-lab/POPE", hub.commit("datasets/lmms-lab/POPE"))


def test_local_data_is_not_looked_for_on_the_hub(tmp_path):
    path = worlds.write(tmp_path / "a.parquet", "pope")
    assert plugins.load("benchmarks", "pope")({"adapter": "pope", "path": str(path)}).hub_files() is None
    with pytest.raises(DataError, match="no such file"):
        plugins.load("benchmarks", "pope")({"adapter": "pope", "path": "not/there.parquet"}).hub_files()


def test_what_is_not_there_is_named(hub):
    with pytest.raises(DataError, match="owner/nothing: RepositoryNotFoundError") as error:
        fetch_model("owner/nothing", None)
    assert len(str(error.value).splitlines()) == 1
    with pytest.raises(DataError, match=r"(?s)new/x: .*\nold/x: .*NotFound"):
        fetch_data(["new/x", "old/x"])
    with pytest.raises(DataError, match="RevisionNotFoundError"):
        fetch_model("owner/model", "no-such-branch")
    with pytest.raises(DataError, match="`split` may be: test"):
        fetch_data(["lmms-lab/POPE"], split="dev")
    hub.repositories["models/owner/old"] = {"config.json": b"{}", "pytorch_model.bin": b"a pickle"}
    with pytest.raises(DataError, match=r"holds no \*\.safetensors"):
        fetch_model("owner/old", None)


def test_a_long_download_tells_how_far_it_is(hub, monkeypatch, logged):
    monkeypatch.setattr("prunegrid.data.hub_download._SECONDS", 0.0)
    fetch_model("owner/model", None)
    total = sum(len(MODEL[name]) for name in WANTED) / 1e6
    far = [float(line.split(" MB of ")[0]) for line in logged.messages if " MB of " in line]
    assert far == sorted(far)
    assert far[-1] == pytest.approx(total, abs=0.01)


def test_a_changed_byte_is_noticed_and_fetched_again(hub, logged):
    hub.spoil[WEIGHTS] = 1
    folder = fetch_model("owner/model", None)
    assert (folder / WEIGHTS).read_bytes() == MODEL[WEIGHTS]
    assert any(f"fetching {WEIGHTS} again" in line for line in logged.messages)
    # Years later: a broken disk.
    blob = (folder / WEIGHTS).resolve()
    blob.write_bytes(MODEL[WEIGHTS][:-1] + b"?")
    fetch_model("owner/model", None)
    assert (folder / WEIGHTS).read_bytes() == MODEL[WEIGHTS]
    (folder / WEIGHTS).unlink()
    assert cache.missing_weights(folder) == [WEIGHTS]
    fetch_model("owner/model", None)
    assert cache.missing_weights(folder) == []


def test_a_file_that_stays_wrong_is_refused_by_name(hub):
    hub.spoil[WEIGHTS] = 9
    with pytest.raises(DataError, match=rf"{WEIGHTS}: sha256 is \w+, must be \w+"):
        fetch_model("owner/model", None)


def test_a_dropped_connection_goes_on_within_the_file(hub):
    content = os.urandom(25_000_000)
    hub.repositories["models/owner/model"] = {**MODEL, WEIGHTS: content}
    hub.cut[WEIGHTS] = 16_000_000
    folder = fetch_model("owner/model", None)
    assert (folder / WEIGHTS).read_bytes() == content
    # The client writes pieces of 10 MB.
    ranges = [headers["range"] for _, path, headers in hub.requests if "range" in headers and WEIGHTS in path]
    assert ranges == ["bytes=10485760-"]


def test_a_killed_download_keeps_its_files_and_shows_no_token(hub, tmp_path):
    weights = [name for name in WANTED if name.endswith(".safetensors")]
    hub.repositories["models/owner/model"] = {**MODEL, WEIGHTS: os.urandom(2_000_000)}
    hub.pause = 0.01
    environment = {
        **os.environ,
        "PYTHONPATH": str(HOME / "src"),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": TOKEN,
    }
    running = subprocess.Popen(
        [sys.executable, "-c", FETCH], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 60
    while hub.sent.get(WEIGHTS, 0) < 1_000_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    printed = running.communicate()[0].decode()
    hub.pause, before = 0.0, dict(hub.sent)
    again = subprocess.run(
        [sys.executable, "-c", FETCH], env=environment, capture_output=True, text=True, check=True
    )
    folder = Path(again.stdout.splitlines()[-1])
    for name in weights:
        assert (folder / name).read_bytes() == hub.repositories["models/owner/model"][name]
    assert {name for name in WANTED if hub.sent[name] != before.get(name)} == {WEIGHTS}
    assert any(TOKEN in headers.get("authorization", "") for *_, headers in hub.requests)
    assert TOKEN not in printed + again.stdout + again.stderr
