"""Which part of a picture tokens cover."""

import json

import numpy as np
import pytest
from PIL import Image
from transformers import CLIPImageProcessor

from prunegrid.gallery.layout import lay_out
from prunegrid.gallery.seen import WHOLE, as_given, seen_box, settings_of, stored_settings

SETTINGS = {"do_center_crop": True, "image_processor_type": "CLIPImageProcessor"}


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (128, 128), (1000, 100)])
def test_the_box_is_what_clips_processor_leaves(size):
    width, height = size
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    image = Image.fromarray((np.stack([x, y, 0 * x], axis=-1) * 255).astype(np.uint8))
    processor = CLIPImageProcessor(
        size={"shortest_edge": 64},
        crop_size={"height": 64, "width": 64},
        do_rescale=False,
        do_normalize=False,
    )
    pixels = np.asarray(processor(image, return_tensors="np")["pixel_values"][0], dtype=float) / 255
    left, top, right, bottom = seen_box(size, lay_out(16, [(1, 4, 4)], {}, size), settings_of(processor))
    found = [pixels[0].min(), pixels[1].min(), pixels[0].max(), pixels[1].max()]
    assert np.abs(np.array([left, top, right, bottom]) - found).max() < 0.03


def test_tiles_and_processors_that_stretch_see_all():
    tiled = lay_out(5 * 16, [(5, 4, 4)], {}, (300, 200))
    plain = lay_out(16, [(1, 4, 4)], {}, (300, 200))
    assert seen_box((300, 200), tiled, SETTINGS) == WHOLE
    assert seen_box((300, 200), plain, {}) == WHOLE


def test_settings_are_read_from_the_model(tmp_path):
    assert stored_settings(tmp_path, "CLIPImageProcessorPil") == {"do_center_crop": True}
    assert stored_settings(tmp_path / "missing", "SiglipImageProcessor") == {}
    (tmp_path / "processor_config.json").write_text(
        json.dumps({"image_processor": {**SETTINGS, "do_center_crop": False}})
    )
    assert stored_settings(tmp_path, "CLIPImageProcessorPil") == {**SETTINGS, "do_center_crop": False}


@pytest.mark.parametrize(
    ("mode", "settings", "size"),
    [
        ("processor", SETTINGS, (30, 20)),
        ("crop", SETTINGS, (20, 20)),
        ("pad", SETTINGS, (30, 30)),
        ("processor", {"do_pad": True, "image_processor_type": "LlavaImageProcessor"}, (30, 30)),
        ("processor", {"do_pad": True, "image_processor_type": "Idefics3ImageProcessor"}, (30, 20)),
    ],
)
def test_a_picture_is_cut_or_padded_as_the_model_is_given_it(mode, settings, size):
    assert as_given(Image.new("RGB", (30, 20)), mode, settings).size == size
