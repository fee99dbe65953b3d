"""Small data sets of exactly the published schemas, and awkward images."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TEXTS = pa.list_(pa.string())
SCHEMAS = {
    "aokvqa": {
        "image": IMAGE, "question_id": pa.string(), "question": pa.string(), "choices": TEXTS,
        "correct_choice_idx": pa.int64(), "direct_answers": pa.string(),
        "difficult_direct_answer": pa.bool_(), "rationales": TEXTS,
    },
    "scienceqa": {
        "image": IMAGE, "question": pa.string(), "choices": TEXTS, "answer": pa.int8(), "hint": pa.string(),
        **{name: pa.string() for name in (
            "task", "grade", "subject", "topic", "category", "skill", "lecture", "solution")},
    },
    "pope": {
        **{name: pa.string() for name in ("id", "question_id", "question", "answer", "image_source")},
        "image": IMAGE, "category": pa.string(),
    },
    "nocaps": {
        "image": IMAGE, "image_coco_url": pa.string(), "image_date_captured": pa.string(),
        "image_file_name": pa.string(), "image_height": pa.int32(), "image_width": pa.int32(),
        "image_id": pa.int32(), "image_license": pa.int8(), "image_open_images_id": pa.string(),
        "annotations_ids": pa.list_(pa.int32()), "annotations_captions": TEXTS,
    },
    "flickr30k": {
        "image": IMAGE, "caption": TEXTS, "sentids": TEXTS, "img_id": pa.string(), "filename": pa.string(),
    },
}  # fmt: skip


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(number=0):
    return {"bytes": encode(Image.new("RGB", (6, 4), (number * 20 % 256, 10, 20))), "path": f"{number}.png"}


def rows_of(name, n=6):
    common = {"question": "What is it?", "choices": ["cat", "dog", "cow"]}
    make = {
        "aokvqa": lambda i: {
            **common, "question_id": f"q{i}", "correct_choice_idx": i % 3,
            "direct_answers": "['cat', 'it\\'s']",
        },
        "scienceqa": lambda i: {**common, "answer": i % 3, "hint": "A hint." if i % 2 else ""},
        "pope": lambda i: {
            "id": str(i), "question_id": str(i // 2), "category": ("random", "popular")[i % 2],
            "question": "Is there a dog?", "answer": ("Yes", "no ")[i % 2], "image_source": f"COCO_{i // 2}",
        },
        "nocaps": lambda i: {"image_id": i, "annotations_captions": ["A cat.", "One \"cat\"\n😀"]},
        "flickr30k": lambda i: {
            "caption": ["A cat."] * 5, "img_id": str(i) if i else None, "filename": f"{i}.jpg",
        },
    }[name]  # fmt: skip
    pictures = {"pope": lambda i: i // 2}.get(name, lambda i: i)
    return [{"image": picture(pictures(i)), **make(i)} for i in range(n)]


def write(path, name, rows=None, **options):
    schema = pa.schema(list(SCHEMAS[name].items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows_of(name) if rows is None else rows, schema), path, **options)
    return path


def awkward():
    """Return name -> (encoded, expected size or None if it is broken, expected first pixel or None)."""
    grey16 = Image.fromarray(np.array([[65535, 32768, 0]], dtype=np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    solid = Image.new("RGB", (30, 20), (200, 30, 40))
    whole = encode(Image.effect_noise((64, 64), 90).convert("RGB"), "JPEG")
    return {
        "grey": (encode(Image.new("L", (3, 2), 77), "JPEG"), (3, 2), (77, 77, 77)),
        "cmyk": (encode(solid.convert("CMYK"), "JPEG"), (30, 20), None),
        "exif": (encode(solid, "JPEG", exif=exif), (20, 30), None),
        "rgba": (encode(Image.new("RGBA", (2, 2), (9, 8, 7, 0))), (2, 2), (9, 8, 7)),
        "palette": (encode(solid.convert("P"), "PNG", transparency=0), (30, 20), None),
        "grey16": (encode(grey16), (3, 1), (255, 255, 255)),
        "pixel": (encode(Image.new("RGB", (1, 1), (1, 2, 3))), (1, 1), (1, 2, 3)),
        "truncated": (whole[: len(whole) // 2], None, None),
        "text": (b"<html>", None, None),
        "empty": (b"", None, None),
    }
