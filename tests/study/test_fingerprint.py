"""Hashes of code: what is remembered is what is read anew."""

from pathlib import Path

import pytest

from prunegrid.files import read_sealed
from prunegrid.source.imports import PACKAGE
from prunegrid.study import fingerprint
from prunegrid.study.fingerprint import Code

ENTRIES = [
    PACKAGE / name
    for name in ("predict/predict_cells.py", "scoring/score.py", "tables/build.py", "tables/style.css")
]
MODULE = '''"""Say."""

from prunegrid import files


def say():
    """Return."""
    return 1  # One.
'''


def forget(monkeypatch) -> None:
    """Let a read of a module fail, as if it was not remembered."""
    monkeypatch.setattr(fingerprint, "parse", lambda *_: pytest.fail("parsed again"))


def test_remembered_hashes_are_those_of_what_is_parsed(tmp_path: Path, monkeypatch) -> None:
    memory = tmp_path / "code.json"
    anew = [Code().hash([file]) for file in ENTRIES]
    first = Code(memory)
    assert [first.hash([file]) for file in ENTRIES] == anew
    closures = [Code().closure(file) for file in ENTRIES]
    forget(monkeypatch)
    second = Code(memory)
    assert [second.hash([file]) for file in ENTRIES] == anew
    assert [second.closure(file) for file in ENTRIES] == closures
    with pytest.raises(pytest.fail.Exception):
        Code(tmp_path / "another.json").hash(ENTRIES)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [("Return.", "Return one.", True), ("# One.", "", True), ("return 1", "return 2", False),
     ("prunegrid import files", "prunegrid.results import checksums", False)],
)  # fmt: skip
def test_an_edit_is_seen(tmp_path: Path, old: str, new: str, same: bool) -> None:
    memory, module = tmp_path / "code.json", tmp_path / "module.py"
    module.write_text(MODULE)
    before = Code(memory).hash([module])
    module.write_text(MODULE.replace(old, new))
    after = Code(memory).hash([module])
    assert (after == before) == same
    assert after == Code().hash([module])
    assert (PACKAGE / "results/checksums.py" in Code(memory).closure(module)) == ("checksums" in new)


def test_what_another_python_remembers_does_not_count(tmp_path: Path, monkeypatch) -> None:
    memory = tmp_path / "code.json"
    Code(memory).hash(ENTRIES)
    monkeypatch.setattr(fingerprint, "_made_by", lambda: b"another")
    forget(monkeypatch)
    with pytest.raises(pytest.fail.Exception):
        Code(memory).hash(ENTRIES)


@pytest.mark.parametrize("content", ["{", "", "[]", '["a"]', '{"a": 3}'])
def test_an_unreadable_memory_is_made_anew(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "code.json"
    memory.write_text(content)
    assert Code(memory).hash(ENTRIES) == Code().hash(ENTRIES)
    assert str(PACKAGE / "predict/predict_cells.py") in read_sealed(memory)


def test_processes_that_write_at_one_time_lose_nothing_but_time(tmp_path: Path) -> None:
    memory = tmp_path / "code.json"
    one, two = Code(memory), Code(memory)
    hashes = [one.hash(ENTRIES[:1]), two.hash(ENTRIES[1:2])]
    assert [Code(memory).hash(ENTRIES[:1]), Code(memory).hash(ENTRIES[1:2])] == hashes


def test_what_is_hidden_is_no_part_of_a_model(tmp_path: Path) -> None:
    """`git status` rewrites .git/index; the hub's client and desktops leave files of their own."""
    carries = ["config.json", "model.safetensors", "deep/chat_template.jinja"]
    beside = [".git/index", ".git/hooks/a.json", ".cache/huggingface/b.json", ".DS_Store", "deep/.c.json.swp"]
    beside += ["README.md", "deep/__pycache__/code.pyc", ".gitattributes"]
    for name in [*carries, *beside]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = fingerprint.data_files(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in found] == sorted(carries)
    # A folder that is itself hidden, as a cache may be.
    hidden = tmp_path / ".hub/model"
    hidden.mkdir(parents=True)
    (hidden / "config.json").write_text("{}")
    assert fingerprint.data_files(hidden) == [hidden / "config.json"]
