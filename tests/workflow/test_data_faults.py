"""Faults of data and of a request: what a user sees (docs/faults.md), and that no other row suffers."""

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch

from prunegrid import plugins
from prunegrid.errors import ConfigError, DataError, PrunegridError
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker
from prunegrid.study.compute_plan import as_text, compute_plan
from prunegrid.study.config import validate
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_inputs, check_model
from tests.benchmarks import worlds
from tests.data.strips import strip
from tests.predict.runs import MODEL, cell, make_samples, run
from tests.study.plans import HOME, SCHEMA, configuration
from tests.workflow.faults import check
from tests.workflow.study import Study


@pytest.fixture
def loaded():
    return load_model(str(MODEL), {})


def plan(tmp_path, monkeypatch, **changes):
    monkeypatch.chdir(tmp_path)
    return Plan(validate(configuration(model_specs={"m": {"path": str(MODEL)}}, **changes), SCHEMA), HOME)


def errors(folder, rows):
    """Return the errors of rows of a multiple-choice file; the last row is sound."""
    (folder / "good.png").write_bytes(worlds.picture()["bytes"])
    rows = [
        {"image": "good.png", "question": "?", "choices": ["a"], "answer": 0, **row} for row in [*rows, {}]
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    reader = plugins.load("benchmarks", "mcq")({"adapter": "mcq", "path": str(folder / "rows.jsonl")})
    *told, last = (sample.error for sample in reader.samples())
    assert last is None
    assert all(told)
    return "\n".join(told)


def test_an_image_that_is_no_file_of_its_size(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(2**40)
    told = errors(tmp_path, [{"image": "pipe.png"}, {"image": "large.png"}])
    check("an image is a pipe, a device, a folder, or too large a file", told)


def test_a_giant_picture(tmp_path):
    for number, size in enumerate([(12_000, 12_000), (1, 2**15)]):
        (tmp_path / f"{number}.png").write_bytes(strip(*size))
    told = errors(tmp_path, [{"image": "0.png"}, {"image": "1.png"}])
    check("a small file holds a giant or a narrow picture", told)


def test_texts_that_are_none(tmp_path):
    told = errors(tmp_path, [{"question": "\ud83d?"}, {"hint": "nan"}])
    check("a text of the data has half a surrogate pair", told)
    check("a hint or an answer is a missing value that a frame made a text", told)


def test_numbers_that_do_not_fit():
    """Hidden states beyond 65,504, in float16."""
    loaded = load_model(str(MODEL), {"dtype": "float16"})
    adapter = plugins.load("benchmarks", "pope")({"adapter": "pope", "path": "unread.parquet"})
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight.mul_(1e6)
    (row,) = run(loaded, adapter, make_samples(1), cell("none", None, 0))
    check("the model's numbers do not fit its `dtype`", row["error"])
    with pytest.raises(PrunegridError, match="samples all failed alike: the model's logits are NaN"):
        run(loaded, adapter, make_samples(2), cell("none", None, 0))


def test_a_prompt_beyond_the_context(loaded):
    """A longest prompt of exactly the context is answered."""
    adapter = plugins.load("benchmarks", "pope")({"adapter": "pope", "path": "unread.parquet"})
    samples = make_samples(2)
    longest = max(PromptMaker(loaded).n_tokens(sample) for sample in samples)
    samples[0] = replace(samples[0], prompt="Is there a dog? " * loaded.model.config.text_config.hidden_size)
    loaded.model.config.text_config.max_position_embeddings = longest
    first, second = run(loaded, adapter, samples, cell("none", None, 0))
    check("a prompt is longer than the model's context", first["error"])
    assert first["prediction"] == ""
    assert second["error"] is None


@pytest.mark.parametrize("name", ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"])
def test_a_template_that_reads_the_clock(tmp_path, monkeypatch, name):
    copy = tmp_path / "model"
    shutil.copytree(MODEL, copy)
    planned = plan(tmp_path, monkeypatch)
    spec = {**planned.config, "model_specs": {"m": {**planned.config["model_specs"]["m"], "path": str(copy)}}}
    check_model(StudyInputs(spec, HOME), "m")
    text = (copy / name).read_text() if (copy / name).exists() else "{}"
    (copy / name).write_text(text.rstrip() + '{{ strftime_now("%d %b %Y") }}')
    with pytest.raises(ConfigError) as told:
        check_model(StudyInputs(spec, HOME), "m")
    check("a model's chat template puts today's date into prompts", str(told.value))


def cut(file, n_bytes):
    file.write_bytes(file.read_bytes()[:n_bytes])


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "damage", "number"),
    [
        ("model.safetensors", lambda file: file.write_text(POINTER), 0),
        ("tokenizer.json", lambda file: file.write_text(POINTER), 0),
        ("config.json", lambda file: file.write_text(POINTER), 0),
        ("model.safetensors", lambda file: cut(file, file.stat().st_size - 1), 1),
        ("model.safetensors", lambda file: cut(file, 1000), 2),
        ("model.safetensors", lambda file: cut(file, 3), 2),
        ("model.safetensors", lambda file: file.write_bytes(b"\x04\0\0\0\0\0\0\0null"), 3),
        ("config.json", lambda file: cut(file, 0), 4),
        ("config.json", lambda file: cut(file, 20), 4),
        ("config.json", lambda file: file.write_text("{}"), 5),
        ("model.safetensors.index.json", lambda file: file.write_text("[]"), 5),
        ("model.safetensors.index.json", lambda file: file.write_text('{"weight_map": []}'), 6),
    ],
)
def test_a_model_whose_files_are_not_whole(tmp_path, monkeypatch, name, damage, number):
    """Cloned without git-lfs, or cut short by a copy: told in the plan, by file."""
    copy = tmp_path / "model"
    shutil.copytree(MODEL, copy)
    damage(copy / name)
    planned = plan(tmp_path, monkeypatch)
    spec = {**planned.config, "model_specs": {"m": {**planned.config["model_specs"]["m"], "path": str(copy)}}}
    with pytest.raises(ConfigError, match=f"{copy / name} ") as told:
        check_model(StudyInputs(spec, HOME), "m")
    check("a file of a model is not whole", str(told.value), number)


def test_a_device_that_is_not_here(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError) as told:
        load_model(str(MODEL), {"device_map": "cuda:0"})
    check("a model is to be on a GPU, and PyTorch sees none", str(told.value))


def test_names_that_cannot_be_folders(tmp_path, monkeypatch):
    told = []
    for name in ("b" * 181, "bbb...", "b\n", "tables", "Figures"):
        spec = {name: {"adapter": "pope", "path": "data.parquet"}}
        with pytest.raises(ConfigError) as error:
            plan(tmp_path, monkeypatch, benchmarks=[name], benchmark_specs=spec)
        told.append(str(error.value))
        assert "benchmarks: " in told[-1]
    check("a name cannot be a folder of results", "\n".join(told))
    with pytest.raises(ConfigError, match=r"^models: 'report.html' is what a file"):
        validate(configuration(models=["report.html"], model_specs={"report.html": {"path": "x"}}), SCHEMA)
    plan(tmp_path, monkeypatch, benchmarks=["b" * 180], benchmark_specs={"b" * 180: {"adapter": "pope"}})


def test_a_results_folder_with_braces(tmp_path, monkeypatch):
    with pytest.raises(ConfigError) as told:
        plan(tmp_path, monkeypatch, results_dir="results-{a}")
    check("the path of `results_dir` has braces", str(told.value))


def test_repeated_ids(tmp_path, monkeypatch):
    rows = worlds.rows_of("pope")
    rows[1]["question_id"], rows[1]["category"] = rows[0]["question_id"], rows[0]["category"]
    worlds.write(tmp_path / "data.parquet", "pope", rows)
    with pytest.raises(DataError) as told:
        check_inputs(plan(tmp_path, monkeypatch).inputs)
    check("two rows of the data have one id", str(told.value))


def test_one_picture(tmp_path, monkeypatch):
    worlds.write(tmp_path / "data.parquet", "pope")
    specs = {"b": {"adapter": "pope", "path": "data.parquet", "limit": 2}}
    planned = plan(tmp_path, monkeypatch, benchmark_specs=specs)
    told = as_text(compute_plan(planned), planned.grid.unreachable)
    check("`mismatched` is asked for on a benchmark of one picture", told)


def test_a_path_of_no_variable(tmp_path, monkeypatch):
    told = []
    for path in ("$NO_SUCH_VARIABLE/out", "~no-such-user/out"):
        with pytest.raises(ConfigError) as error:
            plan(tmp_path, monkeypatch, results_dir=path)
        told.append(str(error.value))
    check("a path names a variable or a user that is not there", "\n".join(told))


def test_options_and_keys_that_are_given_twice(tmp_path):
    study = Study(tmp_path / "project", {"strategies": ["uniform"], "criteria": ["norm"], "ratios": [0.505]})
    (study.folder / "study.yaml").write_text("ratios: [0.505]\nseeds: [0]\nratios: [0.6]\n")
    output = study.run("--dry-run", "--configfile", "config.yaml", check=False)
    check("an option of several values is given twice", output)
    check("a key stands twice in a file of `--configfile`", output)
    assert "Traceback" not in output
