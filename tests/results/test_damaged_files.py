"""Small files of our own that are damaged: what they told counts no more, and nothing ends in a traceback."""

import random
from html import escape
from pathlib import Path
from types import SimpleNamespace

import pytest

from prunegrid.checks.finding import read_check
from prunegrid.errors import DataError
from prunegrid.files import read_sealed, write_sealed
from prunegrid.results.store import Store
from prunegrid.study import markers
from prunegrid.study.page_record import as_meta, replaced
from tests.results.flipped import flipped

RATIOS = {"matched: uniform x norm at 0.5": 0.505, "unreachable": "no depth removes it"}
BROKEN = ["", "[]", "null", "{", "\udc80", "3", '{"memory_gb": "x"}', '{"own": 3}', '{"own": {"key": 3}}']


def test_what_is_remembered_with_a_seal_is_forgotten_with_any_bit(tmp_path: Path) -> None:
    """A matched ratio of 0.515 for 0.505 would be another cell under this one's name."""
    file = tmp_path / "memory.json"
    write_sealed(file, RATIOS)
    assert read_sealed(file) == RATIOS
    content = file.read_bytes()
    chosen = random.Random(1)
    for _ in range(300):
        file.write_bytes(flipped(content, chosen))
        assert read_sealed(file) == {}
    file.write_bytes(content[:-1])
    assert read_sealed(file) == {}


@pytest.mark.parametrize("content", BROKEN)
def test_a_damaged_marker_lets_its_job_run_again(tmp_path: Path, content: str) -> None:
    marker = tmp_path / "predicted.done"
    marker.write_bytes(content.encode(errors="surrogateescape"))
    plan = SimpleNamespace(store=lambda *_: Store(tmp_path))
    assert markers.has_lost(plan, "m", marker, ["key"])


@pytest.mark.parametrize("content", [*BROKEN, '{"passed": true, "steps": [{"st": 1}]}'])
def test_a_damaged_check_is_refused_by_name(tmp_path: Path, content: str) -> None:
    """`compute_plan` and the page read it."""
    file = tmp_path / "check.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=r"is no check.json .*: delete .* and run again, or check again"):
        read_check(file)


@pytest.mark.parametrize("record", ["[]", "3", "{&quot;models&quot;: 3}", "{&quot;mod"])
def test_a_damaged_record_of_a_page_tells_nothing(tmp_path: Path, record: str) -> None:
    (tmp_path / "report.html").write_text(as_meta({"models": {}}).replace(escape('{"models": {}}'), record))
    assert replaced(tmp_path / "report.html", {"models": {}}) == ""


@pytest.mark.parametrize("content", BROKEN)
def test_a_damaged_note_of_what_was_too_large_is_tried_again(tmp_path: Path, content: str) -> None:
    store = Store(tmp_path, memory_gb=80.0)
    store.too_large("key").write_bytes(content.encode(errors="surrogateescape"))
    assert store.is_to_retry("key")


def test_a_note_of_what_was_too_large_counts_only_with_all_of_its_bits(tmp_path: Path) -> None:
    """64 GB for 4 would leave rows untried for good."""
    store = Store(tmp_path, memory_gb=40.0)
    note = store.too_large("key")
    write_sealed(note, {"rows": 2, "memory_gb": 40.0})
    assert not store.is_to_retry("key")
    content = note.read_bytes()
    chosen = random.Random(9)
    for _ in range(100):
        note.write_bytes(flipped(content, chosen))
        assert store.is_to_retry("key")
