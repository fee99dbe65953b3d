"""Images of a data set that cannot be read, or must not be: each is an error row, and none hangs or grows."""

import base64
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from prunegrid import plugins
from prunegrid.data.image_texts import from_base64
from prunegrid.data.images import FORMATS, MOST_PIXELS, decode, encoded, image_files
from prunegrid.errors import ConfigError, DataError
from prunegrid.predict.aspect import set_aspect
from tests.benchmarks import worlds
from tests.data.strips import strip

GOOD = worlds.encode(Image.effect_noise((40, 30), 90).convert("RGB"))
TEXT = base64.b64encode(GOOD).decode()


def errors(path):
    reader = plugins.load("benchmarks", "vqa")({"adapter": "vqa", "path": str(path)})
    reader.files()
    return [sample.error for sample in reader.samples()]


def rows(folder, *images):
    lines = [json.dumps({"image": image, "question": "Which?", "answer": "a"}) for image in images]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    return folder / "rows.jsonl"


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("="),
        "\n".join(TEXT[at : at + 76] for at in range(0, len(TEXT), 76)) + "\n",
        f"data:image/png;base64,{TEXT}",
        f"DATA:image/png;charset=utf-8;BASE64,{TEXT[:50]}\r\n{TEXT[50:]}",
        f"data:image/png;base64,{TEXT.replace('+', '%2B').replace('/', '%2F')}",
        "data:image/png," + "".join(f"%{byte:02X}" for byte in GOOD),
        {"bytes": TEXT, "path": None},
        {"bytes": f"data:image/png;base64,{TEXT}"},
        [TEXT],
        [{"bytes": GOOD, "path": "a.png"}],
    ],
)
def test_pictures_in_the_line_itself(tmp_path, text):
    assert encoded(text, tmp_path) == GOOD
    assert image_files(text, tmp_path) == []


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_bare_base64_of_every_format(tmp_path, kind):
    data = worlds.encode(Image.effect_noise((40, 30), 90).convert("RGB"), kind)
    assert decode(data).size == (40, 30)
    if kind != "PPM":  # It begins like any text.
        assert encoded(base64.b64encode(data).decode(), tmp_path) == data


def test_a_path_is_no_base64(tmp_path):
    name = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs/a.png"
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(GOOD)
    assert encoded(name, tmp_path) == GOOD
    assert image_files(name, tmp_path) == [tmp_path / name]


def test_a_text_that_is_no_path_is_an_error_row(tmp_path):
    long = base64.b64encode(b"no image at all" * 40).decode()
    path = rows(tmp_path, long, "a\0b", "data:image/png;base64,a!", [TEXT, "a\0b"], [TEXT, TEXT], TEXT)
    told = errors(path)
    assert told[0] == f"row 0: image {long[:60]!r}... (800 letters) cannot be read: File name too long"
    assert told[1].startswith("row 1: image 'a\\x00b' cannot be read: embedded null")
    assert told[2].startswith("row 2: image is not Base64")
    assert told[3].startswith("row 3: image 2 of 2: image 'a\\x00b' cannot be read: embedded null")
    assert told[4:] == [None, None]
    with pytest.raises(DataError, match="not Base64"):
        from_base64("?")


def test_a_pipe_a_socket_and_a_device_are_error_rows(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(2**40)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.png"))
        names = ["pipe.png", "zero.png", "folder.png", "sparse.png", "socket.png"]
        rows(tmp_path, *names)
        code = "import sys; from tests.data.test_images import errors; print(errors(sys.argv[1]))"
        # In a process of its own: to hang is how this failed.
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "rows.jsonl")],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    assert done.stdout.count("is no file, but a folder, device or pipe") == 3
    assert "image 'sparse.png' has 1099511627776 bytes, at most 536870912 are read" in done.stdout
    assert "image 'socket.png' cannot be read: No such device or address" in done.stdout


def test_data_files_that_are_pipes_or_folders_are_refused(tmp_path):
    os.mkfifo(tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match=r"rows\.jsonl: must be a file, is a folder, device or pipe"):
        errors(tmp_path / "rows.jsonl")
    (tmp_path / "rows.jsonl").unlink()
    # Spark writes a folder.
    worlds.write(tmp_path / "set/all.parquet/part-0.parquet", "pope")
    reader = plugins.load("benchmarks", "pope")({"adapter": "pope", "path": str(tmp_path / "set")})
    assert reader.check() == 6


@pytest.mark.parametrize(
    ("size", "fault"),
    [
        ((1, 200_000), "image has 1 x 200000 pixels: one side is more than 200 times the other"),
        ((12_000, 12_000), f"image has 12000 x 12000 pixels, at most {MOST_PIXELS} are read"),
        ((2**31 - 1, 2**31 - 1), "image"),
    ],
)
def test_a_small_file_of_a_giant_picture_is_an_error(size, fault):
    with pytest.raises(DataError, match=f"^{fault}"):
        decode(strip(*size))


def test_a_narrow_picture_is_not_padded_to_a_giant():
    narrow = Image.new("RGB", (15_000, 80))
    assert set_aspect(narrow, "processor", (0, 0, 0)) is narrow
    with pytest.raises(DataError, match="image has 15000 x 15000 pixels"):
        set_aspect(narrow, "pad", (0, 0, 0))


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "TGA", "PCX", "SGI", "ICNS"])
def test_formats_that_benchmarks_do_not_use_are_not_opened(kind, monkeypatch):
    monkeypatch.setattr(subprocess, "check_call", lambda *_, **__: pytest.fail("called a program"))
    with pytest.raises(DataError, match=rf"cannot be decoded \(\d+ bytes\): none of {', '.join(FORMATS)}"):
        decode(worlds.encode(Image.new("RGB", (64, 64)), kind))


HALF = b'{"image": "a.png", "question": "%s", "answer": "a"}'


@pytest.mark.parametrize("text", [rb"\ud83d", rb"\uDE00 x", b"\xed\xa0\xbd", rb"\ud83d\ud83d\ude00"])
def test_half_a_surrogate_pair_is_an_error_row(tmp_path, text):
    (tmp_path / "a.png").write_bytes(GOOD)
    lines = [HALF % text, HALF % rb"\ud83d\ude00", b'{"\\ud83d": 1, ' + (HALF % b"a")[1:]]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines))
    reader = plugins.load("benchmarks", "vqa")({"adapter": "vqa", "path": str(tmp_path / "rows.jsonl")})
    broken, whole, key = reader.samples()
    assert broken.error == "row 0: question: half of a surrogate pair, which is no character"
    assert whole.question == "\N{GRINNING FACE}"
    assert whole.error is None
    assert "half of a surrogate pair" in key.error
    for sample in (broken, whole, key):
        repr(sample).encode()
        sample.question.encode()
    Path(tmp_path / "found").write_text(str(reader._opened().found), encoding="utf-8")


def test_pillow_that_fills_up_truncated_images_ends_the_job(tmp_path, monkeypatch):
    """A plug-in may set it for a whole process; no row is read then, good or broken."""
    path = rows(tmp_path, TEXT, base64.b64encode(GOOD[:-500]).decode())
    assert [error is None for error in errors(path)] == [True, False]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ConfigError, match=r"^PIL\.ImageFile\.LOAD_TRUNCATED_IMAGES was set, by a plug-in"):
        errors(path)
