"""Tables, figures and samples that are not what their job made are refused, with a remedy that works."""

import json
import random
import re
from pathlib import Path

import pytest

from prunegrid.errors import DataError
from prunegrid.results.seals import are_sealed, check_seals, is_made_from, write_seal

MADE_FROM = {"cells": ["a"], "options": {"margin": 1.0}}
FILES = {"cells.csv": b"accuracy\n0.5\n", "strategy.html": b"<p>0.5</p>\n"}


def make(folder: Path) -> Path:
    """Do what a job does of which a file is missing: all of its files, and their seal."""
    seal = folder / "checksums.json"
    if not all(file.exists() for file in [seal, *(folder / name for name in FILES)]):
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
        write_seal(seal, [*(folder / name for name in FILES), seal], MADE_FROM)
    return seal


def cure(message: str) -> None:
    """Delete what a message tells to."""
    Path(re.search(r"delete (\S+) and run again", message).group(1)).unlink()


def test_what_was_made_passes(tmp_path: Path) -> None:
    check_seals([make(tmp_path)])
    assert are_sealed([tmp_path / "checksums.json"])
    assert not are_sealed([tmp_path / "others.json"])


def test_what_was_made_from_something_else_is_told(tmp_path: Path) -> None:
    seal = make(tmp_path)
    assert is_made_from(seal, {name: MADE_FROM[name] for name in reversed(MADE_FROM)})
    assert not is_made_from(seal, {**MADE_FROM, "options": {"margin": 2.0}})
    assert not is_made_from(seal, {})
    seal.write_text(seal.read_text()[:-1])
    assert not is_made_from(seal, MADE_FROM)


def test_every_flipped_bit_is_harmless_or_refused_and_mended(tmp_path: Path) -> None:
    chosen = random.Random(7)
    seal = make(tmp_path)
    refused = 0
    for _ in range(200):
        file = chosen.choice([seal, *(tmp_path / name for name in FILES)])
        content = bytearray(file.read_bytes())
        content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        file.write_bytes(content)
        for _ in range(3):
            try:
                check_seals([seal])
                break
            except DataError as error:
                refused += 1
                cure(str(error))
                make(tmp_path)
        check_seals([seal])
        assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES
    assert refused > 150


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "[" * 100_000, '{"files": []}', '{"files": {"cells.csv": 3}}']
)
def test_a_seal_of_any_content_is_no_traceback(tmp_path: Path, content: str) -> None:
    seal = make(tmp_path)
    seal.write_text(content)
    with pytest.raises(DataError, match=r"delete .* and run again"):
        check_seals([seal])


def test_a_seal_removes_what_a_killed_job_left_of_its_files(tmp_path: Path) -> None:
    left, other = tmp_path / ".cells-a1b2c3d4.csv", tmp_path / ".criterion-a1b2c3d4.csv"
    for file in (left, other):
        file.write_text("half of a ta")
    make(tmp_path)
    assert not left.exists()
    assert other.exists()
    assert json.loads((tmp_path / "checksums.json").read_text())["files"].keys() == FILES.keys()
