import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from prunegrid import plugins
from prunegrid.data.adapter import KEYS
from prunegrid.data.images import ImageReader, decode, image_hash
from prunegrid.data.splits import choose
from prunegrid.errors import ConfigError, DataError
from tests.benchmarks import worlds

HOME = Path(__file__).parents[2]
PUBLISHED = sorted(worlds.SCHEMAS)
LLAVA_END = "Answer with the option's letter from the given choices directly."
OPTIONS = "A. cat\nB. dog\nC. cow\n"
CAPTION = "Provide a one-sentence caption for the provided image."
PROMPTS = {
    "aokvqa": "Analyse the image and choose the best answer for the following question:\nWhat is it?\n"
    "Options: (A) cat (B) dog (C) cow\nJust output the letter of the correct answer.",
    "scienceqa": f"Context: A hint.\nWhat is it?\n{OPTIONS}{LLAVA_END}",
    "pope": "Is there a dog?\nAnswer the question using a single word or phrase.",
    "nocaps": CAPTION,
    "flickr30k": CAPTION,
}
IDS = {
    "aokvqa": "q1", "scienceqa": "1", "pope": "popular/0", "nocaps": "1", "flickr30k": "1",
}  # fmt: skip


def adapter(name, path, **spec):
    return plugins.load("benchmarks", name)({"adapter": name, "path": str(path), **spec})


def jsonl(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_schema(tmp_path, name):
    reader = adapter(name, worlds.write(tmp_path / "rows.parquet", name))
    samples = list(reader.samples())
    assert reader.check() == len(samples) == 6
    assert [sample.error for sample in samples] == [None] * 6
    assert reader.sample_ids() == [sample.sample_id for sample in samples]
    assert samples[1].prompt == PROMPTS[name]
    assert samples[1].sample_id == IDS[name]
    assert samples[1].image.mode == "RGB"
    words = {"aokvqa": ("A", "B", "C"), "scienceqa": ("A", "B", "C"), "pope": ("yes", "no")}
    assert reader.option_words(samples[1]) == words.get(name)


def test_fields_of_the_published_sets(tmp_path):
    def second(name, **spec):
        return list(adapter(name, worlds.write(tmp_path / f"{name}.parquet", name), **spec).samples())[1]

    aokvqa = second("aokvqa", prompt="llava")
    assert aokvqa.prompt == f"What is it?\n{OPTIONS}{LLAVA_END}"
    assert (aokvqa.answer, aokvqa.references) == ("B", ("cat", "it's"))
    assert aokvqa.image_id == image_hash(aokvqa.image)
    assert second("scienceqa").answer == "B"
    assert (second("pope").answer, second("pope").image_id) == ("no", "COCO_0")
    assert second("nocaps").references[1] == 'One "cat"\n😀'
    lengths = {"aokvqa": 1, "scienceqa": 16, "pope": 128, "nocaps": 64, "flickr30k": 64}
    for name, length in lengths.items():
        assert adapter(name, tmp_path / f"{name}.parquet").max_new_tokens == length
    assert adapter("aokvqa", "x.parquet", prompt="llava").max_new_tokens == 16
    path = worlds.write(tmp_path / "flickr30k.parquet", "flickr30k")
    first = next(adapter("flickr30k", path).samples())
    assert first.sample_id == first.image_id == "0.jpg"


@pytest.mark.parametrize("kind", worlds.awkward())
def test_awkward_images(tmp_path, kind):
    data, size, pixel = worlds.awkward()[kind]
    rows = worlds.rows_of("aokvqa", 2)
    rows[0]["image"] = {"bytes": data, "path": None}
    broken, sound = adapter("aokvqa", worlds.write(tmp_path / "a.parquet", "aokvqa", rows)).samples()
    assert sound.error is None
    if size is None:
        assert broken.error.startswith("row 0: image")
        assert (broken.image, broken.sample_id) == (None, "q0")
    else:
        assert (broken.error, broken.image.mode, broken.image.size) == (None, "RGB", size)
        assert pixel is None or broken.image.getpixel((0, 0)) == pixel


def test_grey_of_16_bit_is_scaled_and_not_clipped():
    image = decode(worlds.awkward()["grey16"][0])
    assert [image.getpixel((x, 0))[0] for x in range(3)] == [255, 128, 0]


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("aokvqa", {"correct_choice_idx": 3}, "correct_choice_idx is 3, must be 0 to 2"),
        ("aokvqa", {"correct_choice_idx": None}, "correct_choice_idx is null"),
        ("aokvqa", {"choices": []}, "choices is an empty list"),
        ("aokvqa", {"question": "  "}, "question is empty"),
        ("aokvqa", {"question_id": None}, "question_id is null"),
        ("scienceqa", {"answer": -1}, "answer is -1"),
        ("scienceqa", {"image": None}, "image is null"),
        ("scienceqa", {"choices": ["x"] * 27}, "27 options"),
        ("pope", {"answer": "maybe"}, "must be yes or no"),
        ("nocaps", {"annotations_captions": None}, "annotations_captions is null"),
    ],
)
def test_a_broken_row_is_an_error_sample(tmp_path, name, change, fault):
    rows = worlds.rows_of(name, 3)
    rows[1].update(change)
    samples = list(adapter(name, worlds.write(tmp_path / "a.parquet", name, rows)).samples())
    assert fault in samples[1].error
    assert [sample.error is None for sample in samples] == [True, False, True]


@pytest.mark.parametrize("name", PUBLISHED)
def test_columns_are_checked(tmp_path, name):
    path = worlds.write(tmp_path / "rows.parquet", name)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["image"]).append_column("picture", table["image"]), path)
    with pytest.raises(DataError, match=r"rows\.parquet: missing columns: image.*Found: .*picture"):
        adapter(name, path).check()
    assert adapter(name, path, columns={"image": "picture"}).check() == 6
    pq.write_table(table.set_column(table.column_names.index("image"), "image", pa.array(range(6))), path)
    with pytest.raises(DataError, match="'image' is int64, must be image"):
        adapter(name, path).check()


def test_repeated_ids_are_refused(tmp_path):
    rows = worlds.rows_of("pope", 4)
    rows[3]["question_id"] = rows[1]["question_id"]
    with pytest.raises(DataError, match=r"row 3 has the sample id 'popular/0' of row 1"):
        list(adapter("pope", worlds.write(tmp_path / "a.parquet", "pope", rows)).samples())


def test_shards_limits_and_positions(tmp_path):
    rows = worlds.rows_of("scienceqa", 100)
    for shard in range(2):
        part = rows[shard * 50 : shard * 50 + 50]
        worlds.write(
            tmp_path / f"data/test-0000{shard}-of-00002.parquet", "scienceqa", part, row_group_size=7
        )
    worlds.write(tmp_path / "data/train-00000-of-00001.parquet", "scienceqa")

    def ids(**spec):
        return adapter("scienceqa", tmp_path, **spec).sample_ids()

    assert ids() == [str(i) for i in range(100)]
    assert ids(limit=60) == [str(i) for i in range(60)]
    drawn = ids(limit=10, sample=1)
    assert drawn == ids(limit=10, sample=1) == sorted(drawn, key=int)
    assert set(drawn) < set(ids(limit=20, sample=1))
    assert drawn != ids(limit=10, sample=2)
    some = list(adapter("scienceqa", tmp_path).samples([3, 49, 50, 99]))
    assert [s.sample_id for s in some] == ["3", "49", "50", "99"]
    assert [s.answer for s in some] == ["ABC"[i % 3] for i in (3, 49, 50, 99)]
    with pytest.raises(DataError, match="no split dev"):
        ids(split="dev")
    (tmp_path / "data/test-00001-of-00002.parquet").unlink()
    with pytest.raises(DataError, match="1 of 2 shards are missing"):
        ids()


def test_configurations_that_end_the_names_of_files():
    """As CV-Bench has them: to take both would mix two benchmarks."""
    names = ["README.md", "test_2d.jsonl", "test_2d.parquet", "test_3d.jsonl", "test_3d.parquet"]
    assert choose(names, config="2D", split="test") == ["test_2d.parquet"]
    assert choose(names, config="3D", split="test") == ["test_3d.parquet"]
    assert choose(names, config="default", split="test") == ["test_2d.parquet", "test_3d.parquet"]
    # A user's own parts, read with a published set's configuration.
    assert choose(["test_1.parquet", "test_2.parquet"], config="2D") == ["test_1.parquet", "test_2.parquet"]


def test_hub_layouts():
    full = [f"Full/{split}-00000-of-00001.parquet" for split in ("adversarial", "popular", "random")]
    names = ["data/test-00000-of-00001-ab.parquet", "README.md", *full]
    assert choose(names, split="test") == names[:1]
    assert choose(names, config="Full", split="test") == names[2:]
    assert choose(names, config="Full", split=["random"]) == names[4:]
    with pytest.raises(DataError, match="`config` may be: Full, default"):
        choose(names, config="full")


def test_a_hub_set_is_read_from_the_cache_only(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match="snakemake download"):
        adapter("pope", "lmms-lab/POPE").check()
    folder = tmp_path / "datasets--lmms-lab--POPE"
    worlds.write(folder / "snapshots" / ("a" * 40) / "data/test-00000-of-00001.parquet", "pope")
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("a" * 40)
    # Without a path: the new id is tried, then the old.
    reader = plugins.load("benchmarks", "pope")({"adapter": "pope"})
    assert reader.check() == 6
    assert (reader.provenance()["path"], reader.provenance()["revision"]) == ("lmms-lab/POPE", "a" * 40)


def test_another_picture_under_one_id_is_an_error_row(tmp_path):
    rows = worlds.rows_of("pope")
    rows[3]["image"] = worlds.picture(9)
    faults = [
        sample.error
        for sample in adapter("pope", worlds.write(tmp_path / "a.parquet", "pope", rows)).samples()
    ]
    assert [fault is None for fault in faults] == [True, True, True, False, True, True]
    assert "'COCO_1' is that of another picture, in row 2" in faults[3]


def test_a_part_of_the_rows_has_the_faults_of_all(tmp_path):
    """Also where a row's fault lies in rows that are not asked for."""
    rows = worlds.rows_of("pope", 8)
    for number, row in enumerate(rows):
        row["image"], row["image_source"] = worlds.picture(number % 3), f"COCO_{number % 3}"
        row["question_id"] = str(number)
    rows[0]["image"] = {"bytes": b"no image", "path": None}
    rows[5]["image"] = worlds.picture(9)
    path = worlds.write(tmp_path / "a.parquet", "pope", rows)
    whole = list(adapter("pope", path).samples())
    assert [sample.error is None for sample in whole] == [False, True, True, True, True, False, True, True]
    assert "row 5: image_id 'COCO_2' is that of another picture, in row 2" in whole[5].error
    reader = adapter("pope", path)
    for size in (1, 2, 3, 5):
        parts = [range(start, min(start + size, 8)) for start in range(0, 8, size)]
        assert [sample for part in reversed(parts) for sample in reversed(list(reader.samples(part)))] == [
            *reversed(whole)
        ]


def test_repeated_images_are_decoded_once(tmp_path, monkeypatch):
    rows = worlds.rows_of("pope", 30)
    for number, row in enumerate(rows):
        row["image"] = worlds.picture(number % 10)
        row["question_id"], row["image_source"] = str(number), f"COCO_{number % 10}"
    path = worlds.write(tmp_path / "a.parquet", "pope", rows)
    decoded = []
    monkeypatch.setattr("prunegrid.data.images.decode", lambda data: decoded.append(data) or decode(data))
    reader = adapter("pope", path)
    assert [sample.error for sample in reader.samples()] == [None] * 30
    assert [sample.error for sample in reader.samples(range(20, 30))] == [None] * 10
    assert len(decoded) == 10


def test_kept_images_are_bounded(tmp_path):
    cells = [worlds.picture(number) for number in range(3)]
    reader = ImageReader(cache_bytes=2 * 6 * 4 * 3)
    first, second = (reader.read(cell, tmp_path) for cell in cells[:2])
    assert reader.read(cells[0], tmp_path) is first
    reader.read(cells[2], tmp_path)
    assert reader.read(cells[0], tmp_path) is first
    assert reader.read(cells[1], tmp_path) is not second
    tiny = ImageReader(cache_bytes=1)
    assert tiny.read(cells[0], tmp_path) is tiny.read(cells[0], tmp_path)


def test_image_hash_is_of_pixels_and_size_and_not_of_the_encoding():
    image = Image.effect_noise((6, 4), 90).convert("RGB")
    stored = [decode(worlds.encode(image, kind)) for kind in ("PNG", "BMP", "TIFF")]
    assert {image_hash(one) for one in stored} == {image_hash(image)}
    turned = Image.frombytes("RGB", (4, 6), image.tobytes())
    assert image_hash(turned) != image_hash(image)


@pytest.mark.parametrize("name", ["vqa", "mcq"])
def test_an_image_id_of_two_pictures_is_an_error_row(tmp_path, name):
    rows = [
        {"image": worlds.picture(i // 2), "image_id": "same", "question": "Which?", "answer": "a",
         "choices": ["x", "a"]}
        for i in range(3)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    samples = list(
        adapter(name, tmp_path / "a.parquet", **({"answer_form": "text"} if name == "mcq" else {})).samples()
    )
    assert [sample.error for sample in samples] == [
        None, None, "row 2: image_id 'same' is that of another picture, in row 0",
    ]  # fmt: skip


def test_columns_that_are_not_needed_are_neither_required_nor_read(tmp_path):
    rows = [{**row, "lecture": "long"} for row in worlds.rows_of("scienceqa")]
    path = worlds.write(tmp_path / "a.parquet", "scienceqa", rows)
    reader = adapter("scienceqa", path)
    (row, *_) = reader._opened().read()
    assert set(row.values) == {"image", "question", "choices", "answer", "hint"}
    table = pq.read_table(path).select(sorted(row.values))
    pq.write_table(table, path)
    assert adapter("scienceqa", path).check() == 6
    first = next(reader.samples())
    assert first.prompt == f"What is it?\n{OPTIONS}{LLAVA_END}", "no Context line without a hint"


def test_what_the_planner_reads_from_the_source():
    for name in plugins.names("benchmarks"):
        found, loaded = plugins.describe("benchmarks", name), plugins.load("benchmarks", name)
        assert found["scorer"] == loaded.scorer
        assert found["scorer"] in plugins.names("scorers")
        assert (found["max_new_tokens"], found["free_text"]) == (loaded.max_new_tokens, loaded.free_text)
    code = "import sys, prunegrid.plugins as p; [p.load('benchmarks', n) for n in p.names('benchmarks')]; "
    code += "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(HOME / "src")}
    )


def test_every_key_of_the_configuration_is_known(tmp_path):
    schema = yaml.safe_load((HOME / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    specs = schema["properties"]["benchmark_specs"]["additionalProperties"]["properties"]
    adapters = [plugins.load("benchmarks", name) for name in plugins.names("benchmarks")]
    known = set(KEYS).union(*(one.options for one in adapters))
    assert set(KEYS) <= set(specs) <= known
    path = worlds.write(tmp_path / "a.parquet", "nocaps")
    assert adapter("nocaps", path, metrics=["bleu"], max_new_tokens=20).max_new_tokens == 20


def test_jsonl_limits_and_samples_can_be_read_again(tmp_path):
    (tmp_path / "a.png").write_bytes(worlds.picture()["bytes"])
    rows = [{"image": "a.png", "question": f"{i}?", "answer": str(i)} for i in range(50)]
    path = jsonl(tmp_path / "vqa.jsonl", rows)
    assert [s.answer for s in adapter("vqa", path, limit=3).samples()] == ["0", "1", "2"]
    reader = adapter("vqa", path, limit=5, sample=7)
    drawn = [s.answer for s in reader.samples()]
    assert drawn == [s.answer for s in reader.samples()] == sorted(drawn, key=int)
    assert len(set(drawn)) == 5
    assert adapter("vqa", path, limit=99).check() == 50


def test_generic_jsonl(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(worlds.picture()["bytes"])
    base = {"image": "images/a.png", "question": "Which?"}
    answers = ["B", 1, "dog", "b", "x", "1"]
    rows = [{**base, "choices": ["cat", "dog"], "answer": answer} for answer in answers]
    samples = list(adapter("mcq", jsonl(tmp_path / "mcq.jsonl", rows)).samples())
    assert [s.answer for s in samples] == ["B", "B", "B", "B", None, "B"]
    assert [s.error is None for s in samples] == [True] * 4 + [False, True]
    assert samples[0].prompt == f"Which?\nA. cat\nB. dog\n{LLAVA_END}"

    rows = [{**base, "answers": ["no", "no", "yes"]}, {**base, "image": "../secret.png", "answers": ["a"]}]
    path = jsonl(tmp_path / "vqa.jsonl", rows)
    path.write_text(path.read_text() + "\n\n{broken\n")
    reader = adapter("vqa", path)
    samples = list(reader.samples())
    assert (samples[0].answer, samples[0].references) == ("no", ("no", "no", "yes"))
    assert reader.option_words(samples[0]) == ("yes", "no")
    assert "leaves the folder" in samples[1].error
    assert "not a line of JSON" in samples[2].error

    rows = [{"image": "images/a.png", "caption": "A cat."}]
    assert next(adapter("caption", jsonl(tmp_path / "c.jsonl", rows)).samples()).references == ("A cat.",)
    with pytest.raises(DataError, match="one of answer, references, answers"):
        adapter("vqa", jsonl(tmp_path / "none.jsonl", [base])).check()


def test_an_ambiguous_answer_asks_for_its_form(tmp_path):
    rows = [{"image": worlds.picture(), "question": "Which?", "choices": ["B", "A"], "answer": "A"}]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert "set `answer_form`" in next(adapter("mcq", path).samples()).error
    assert next(adapter("mcq", path, answer_form="text").samples()).answer == "B"


@pytest.mark.parametrize(
    ("choices", "answer", "meant"),
    [
        (["1", "0"], 0, None),
        (["1", "0"], "0", None),
        ([1, 0], 1, None),
        (["0", "1"], 1, "B"),
        (["0", "1"], "1", "B"),
        (["2", "3"], 1, "B"),
        (["4", "5", "6"], 0, "A"),
    ],
)
def test_a_number_that_is_the_text_of_another_choice_asks_for_the_form(tmp_path, choices, answer, meant):
    row = {"image": base64.b64encode(worlds.picture()["bytes"]).decode(), "question": "How many?"}
    path = jsonl(tmp_path / "a.jsonl", [{**row, "choices": choices, "answer": answer}])
    sample = next(adapter("mcq", path).samples())
    if meant is None:
        assert f"answer '{answer}' may mean " in sample.error
        by_text = next(adapter("mcq", path, answer_form="text").samples()).answer
        assert by_text == "ABC"[[*map(str, choices)].index(str(answer))]
    else:
        assert (sample.error, sample.answer) == (None, meant)
    assert next(adapter("mcq", path, answer_form="index").samples()).answer == "ABC"[int(answer)]


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"prompt": "lava"}, "did you mean 'llava'"),
        ({"limt": 3}, "did you mean 'limit'"),
        ({"limit": 0}, "at least 1"),
        ({"sample": 3}, "needs `limit`"),
        ({"columns": {"img": "x"}}, "unknown column 'img'"),
    ],
)
def test_options_are_checked(spec, fault):
    with pytest.raises(ConfigError, match=fault):
        adapter("aokvqa", "x.parquet", **spec)


@pytest.mark.parametrize("row_group_size", [10, 150])
def test_a_large_set_is_never_in_memory(tmp_path, row_group_size):
    rows = [
        {**row, "image": {"bytes": bytes(200_000), "path": None}} for row in worlds.rows_of("nocaps", 150)
    ]
    options = {"row_group_size": row_group_size, "compression": "none", "use_dictionary": False}
    path = worlds.write(tmp_path / "a.parquet", "nocaps", rows, **options)
    assert path.stat().st_size > 30e6
    del rows
    before, peak, n_rows = pa.total_allocated_bytes(), 0, 0
    for _ in adapter("nocaps", path).samples():
        peak, n_rows = max(peak, pa.total_allocated_bytes() - before), n_rows + 1
    assert n_rows == 150
    assert peak < 8e6
