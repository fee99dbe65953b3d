"""Decoded pictures are not held: a job's memory does not grow with the pictures of a shard."""

import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from prunegrid.data import adapter
from prunegrid.data.images import ImageReader
from prunegrid.predict import predict_cells
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.results.store import Store
from tests.predict.runs import MODEL, cell

SIDE = 2000
DECODED = 3 * SIDE**2
FEW, MANY = 2, 12


def write(file: Path, n: int, side: int) -> Path:
    """Write yes-no questions about pictures of one colour each, small as files."""
    rows = []
    for index in range(n):
        stored = io.BytesIO()
        Image.new("RGB", (side, side), (20 * index % 256, 100, 7 * index % 256)).save(stored, "JPEG")
        rows.append(
            {
                "question_id": str(index),
                "image": {"bytes": stored.getvalue(), "path": None},
                "question": "Is there a circle in the image?",
                "answer": "yes",
                "category": "random",
                "image_source": f"{index}",
            }
        )
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def peak(folder: Path, n: int, side: int = SIDE) -> int:
    """Return by how many bytes one shard of a job, with swapped images too, raises this process's memory."""
    path = str(write(folder / f"{n}.parquet", n, side))
    spec = {"adapter": "pope", "path": path, "max_new_tokens": 1}
    store = Store(folder / f"store-{n}")
    run = BenchmarkRun(str(MODEL), {"path": "m"}, path, spec, store, batch_size=1, shard_size=n)
    axes = {"ratio": 0.5, "seed": 0, "benchmark": "large"}
    cells = [
        replace(cell("single", "norm", layer=2), key="norm", axes=axes),
        replace(cell("mismatched", None), key="swapped", axes={**axes, "ratio": 0.0}),
    ]
    # Sets the peak back to what is resident.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    predict_cells.predict_cells(run, cells)
    rows = [
        row
        for key in ("norm", "swapped")
        for row in pq.read_table(store.predictions(key), partitioning=None).to_pylist()
    ]
    assert [row["status"] for row in rows] == ["ok"] * 2 * n
    return resident("VmHWM") - before


def resident(name: str) -> int:
    """Return a figure of this process's memory in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(line.split()[1])


def test_a_shards_pictures_are_not_held(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_cells, "load_model", lambda *_: loaded)
    # What is kept for questions about the same picture is bounded in bytes: see `data.images`.
    monkeypatch.setattr(adapter, "ImageReader", partial(ImageReader, cache_bytes=0))
    # The first job loads what all later ones have.
    few = [peak(tmp_path / name, FEW) for name in ("first", "second") if not (tmp_path / name).mkdir()][1]
    many = peak(tmp_path, MANY)
    # One that is decoded while the model runs, and what the allocator keeps of the last ones.
    assert many - few < 3 * DECODED, (few / DECODED, many / DECODED)
