"""After a power loss a file has its old content or its new one: content is on the disk before its name."""

import os
from pathlib import Path

import pytest

from prunegrid.files import write_text


def test_content_is_on_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, done = tmp_path / "scores.json", []
    file.write_text("old")
    fsync, replace = os.fsync, Path.replace

    def wait(handle: int) -> None:
        fsync(handle)
        done.append(("on disk", Path(f"/proc/self/fd/{handle}").readlink().read_text()))

    def name(self: Path, target: Path) -> Path:
        done.append(("named", self.read_text()))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", wait)
    monkeypatch.setattr(Path, "replace", name)
    write_text(file, "new")
    assert done == [("on disk", "new"), ("named", "new")]
    assert file.read_text() == "new"
