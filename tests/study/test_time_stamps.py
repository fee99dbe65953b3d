"""Time stamps in the future: they are set back in their order, and nothing else is touched."""

import os
import time

import pytest

from prunegrid.errors import ConfigError
from prunegrid.study.time_stamps import set_back, time_of
from tests.workflow.faults import check

HOUR = 3600 * 10**9


def made(folder, **stamps):
    files = {}
    for name, stamp in stamps.items():
        files[name] = folder / "demo" / f"{name}.csv"
        files[name].parent.mkdir(exist_ok=True)
        files[name].touch()
        os.utime(files[name], ns=(stamp, stamp))
    return files


def test_files_of_the_future_keep_their_order(tmp_path):
    now = time.time_ns()
    files = made(
        tmp_path,
        last=now + 3 * HOUR,
        old=now - HOUR,
        first=now + HOUR,
        twin=now + HOUR,
        middle=now + 2 * HOUR,
    )
    os.link(files["first"], tmp_path / "demo/link.csv")
    found = set_back([tmp_path, tmp_path / "not-there"])
    assert [stamp for _, stamp in found] == [now + HOUR, now + HOUR, now + 2 * HOUR, now + 3 * HOUR]
    assert found[-1][0] == files["last"]
    stamps = {name: file.stat().st_mtime_ns for name, file in files.items()}
    assert stamps["old"] == now - HOUR
    assert (
        now - 10**9
        < stamps["first"]
        == stamps["twin"]
        < stamps["middle"]
        < stamps["last"]
        <= time_of(tmp_path)
    )
    assert set_back([tmp_path]) == []


def test_stores_and_logs_are_no_inputs(tmp_path):
    now = time.time_ns() + HOUR
    for name in (".store", "logs"):
        (tmp_path / name).mkdir()
        made(tmp_path / name, kept=now)
    assert set_back([tmp_path]) == []


def test_a_stamp_that_cannot_be_set_is_told(tmp_path, monkeypatch):
    files = made(tmp_path, one=time.time_ns() + HOUR)

    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(ConfigError, match="Operation not permitted") as told:
        set_back([tmp_path])
    check("results are newer than now: a copied disk, a wrong clock", str(told.value), 1)
    assert str(files["one"]) in str(told.value)


def test_a_folder_without_a_clock_has_the_machines(tmp_path):
    assert abs(time_of(tmp_path / "not-there") - time.time_ns()) < 10**10
