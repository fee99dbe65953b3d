"""Thumbnails stay within their bounds, and those with text stay legible."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from prunegrid.gallery import thumbnails as module
from prunegrid.gallery.thumbnails import MOST_BYTES, is_fine, thumbnail, thumbnails


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def text():
    image = Image.new("RGB", (900, 1200), "white")
    draw = ImageDraw.Draw(image)
    for line in range(70):
        draw.text((20, 17 * line), "Invoice 4711: 12 apples, 3 pears, VAT 7 % included " * 3, fill="black")
    return image


def photograph():
    x, y = np.meshgrid(np.linspace(0, 6, 800), np.linspace(0, 4, 600))
    waves = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1)
    return Image.fromarray(((waves + 1) * 127).astype(np.uint8))


@pytest.mark.parametrize("size", [(2000, 1500), (448, 448), (100, 100), (1, 200), (5000, 30)])
@pytest.mark.parametrize("most", [MOST_BYTES, 5000, 700])
def test_no_file_is_larger_than_it_may_be(size, most):
    file = thumbnail(noise(*size), most)
    assert len(file) <= most
    assert max(Image.open(io.BytesIO(file)).size) <= 448


def test_a_tiny_drawing_is_kept_exactly():
    image = Image.new("RGB", (64, 64), (10, 200, 30))
    found = Image.open(io.BytesIO(thumbnail(image))).convert("RGB")
    assert (np.asarray(found) == np.asarray(image)).all()


def test_text_is_fine_detail_and_larger():
    assert is_fine(text())
    assert not is_fine(photograph())
    assert not is_fine(Image.new("RGB", (1, 1)))
    found = thumbnails({"text": text(), "photograph": photograph()})
    sizes = {name: max(Image.open(io.BytesIO(file)).size) for name, file in found.items()}
    assert sizes["photograph"] == 448
    assert sizes["text"] >= 672


def test_all_together_have_a_bound(monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_ALL", 20_000)
    found = thumbnails({str(number): noise(300, 300) for number in range(10)})
    assert sum(map(len, found.values())) <= 20_000
    assert len(found) == 10
