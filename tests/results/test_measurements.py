"""latency.parquet is written whole, with its checksum, and another one is refused."""

import random

import pyarrow.parquet as pq
import pytest

from prunegrid.errors import DataError
from prunegrid.results.measurements import MEASUREMENTS, read_measurements, write_measurements
from prunegrid.results.store import checksum_of
from tests.results.flipped import damaged
from tests.tables.measured import made_up_rows


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "latency.parquet"
    write_measurements(path, made_up_rows(), {"key": "k", "device": {"name": "a card"}})
    return path


def test_what_is_written_is_read(file):
    rows, metadata = read_measurements(file, "k")
    assert list(rows) == MEASUREMENTS.names
    assert len(rows) == len(made_up_rows())
    assert metadata == {"key": "k", "device": {"name": "a card"}}


def test_another_key_is_refused(file):
    with pytest.raises(
        DataError, match=r"was measured under the key k, not other: .*`snakemake --cores 1 latency"
    ):
        read_measurements(file, "other")


def test_an_edited_file_is_refused(file):
    table = pq.read_table(file)
    pq.write_table(table.slice(1), file)
    with pytest.raises(DataError, match="was changed after it was measured"):
        read_measurements(file, "k")


@pytest.mark.parametrize("fault", ["truncated", "missing", "no checksum", "another schema"])
def test_what_is_no_whole_file_is_refused(file, fault):
    if fault == "truncated":
        file.write_bytes(file.read_bytes()[:-20])
    elif fault == "missing":
        file.unlink()
    elif fault == "no checksum":
        file.with_suffix(".checksum.json").unlink()
    else:
        pq.write_table(pq.read_table(file).drop_columns(["wall_ms"]), file)
    with pytest.raises(DataError, match=r"file of measurements.*delete .*latency.parquet"):
        read_measurements(file, "k")


def test_any_flipped_bit_is_refused(file):
    chosen = random.Random(3)
    for one in (file, checksum_of(file)):
        for _ in range(60):
            with damaged(one, chosen), pytest.raises(DataError, match=r"delete .*latency.parquet and run"):
                read_measurements(file)
    read_measurements(file)
