"""Files edited while a job runs, and put back: nothing is written under a key of other code."""

import json
import os
import shutil
import sys

import pyarrow.parquet as pq
import pytest

from prunegrid.data.adapter import Adapter
from prunegrid.errors import CodeChangedError, DataError, InputsChangedError
from prunegrid.jobs.join import join
from prunegrid.jobs.measure_flow import measure_flow
from prunegrid.jobs.planned_code import python_version
from prunegrid.jobs.predict import predict
from prunegrid.jobs.score import score
from prunegrid.plugin_folders import VARIABLE
from prunegrid.predict import predict_cells
from prunegrid.results.flow_rows import read_flow_rows
from prunegrid.results.shards import CellShards
from prunegrid.results.store import Store
from prunegrid.source.imported import ImportedTexts, record_imports
from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration
from tests.workflow.faults import check

CRITERION = """
from dataclasses import dataclass
from typing import ClassVar

from prunegrid import Criterion

from ._{name}_sign import SIGN


@dataclass(frozen=True, kw_only=True)
class Signed(Criterion):
    cost: ClassVar[str | None] = "hidden"

    def score(self, stage):
        return SIGN * stage.hidden.float().norm(dim=-1)
"""
MODEL = HOME / "demo/model"


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    """Record imports in this test alone."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    return record_imports()


def _model_in(folder):
    """Return the demo's model in a folder, whose configuration may be edited there."""
    own = folder / "model"
    own.mkdir()
    for file in MODEL.iterdir():
        (own / file.name).symlink_to(file)
    (own / "config.json").unlink()
    shutil.copy(MODEL / "config.json", own)
    return own


class World:
    """A study of one criterion, `name`, which lies in a folder of its own with the helper that it imports."""

    def __init__(self, folder, name, **changes):
        self.helper = folder / "plugins/criteria" / f"_{name}_sign.py"
        self.helper.parent.mkdir(parents=True)
        self.helper.write_text("SIGN = 1\n")
        (self.helper.parent / f"{name}.py").write_text(CRITERION.format(name=name))
        worlds.write(folder / "pope.parquet", "pope")
        specs = {"b": {"adapter": "pope", "path": "pope.parquet", "limit": 6, "max_new_tokens": 2}}
        config = configuration(
            model_specs={"m": {"path": str(_model_in(folder))}}, benchmark_specs=specs,
            strategies=["uniform"], criteria=[name], ratios=[0.5], bundle_size=50, shard_size=3, **changes,
        )  # fmt: skip
        self.config = validate(config, SCHEMA)
        self.plan = Plan(self.config, HOME)
        ((self.bundle, cells),) = self.plan.bundles("m").items()
        keys = self.plan.keys
        self.cells = {keys.prediction_key(cell): cell for cell in cells}
        self.code = {
            "python": python_version(),
            "codes": {key: keys.prediction_code(cell) for key, cell in self.cells.items()},
            "files": {"b": keys.files_hashes("m", "b")},
        }
        ((self.own, _),) = [(key, cell) for key, cell in self.cells.items() if cell.criterion == name]

    def predict(self, part=""):
        return predict(self.config, HOME, ("m", self.bundle), part, [*self.cells], 1, self.code)

    def join(self):
        return join(self.config, HOME, ("m", self.bundle), [*self.cells], self.code)

    def edit(self, sign):
        """Edit the helper that the criterion imports."""
        self.helper.write_text(f"SIGN = {sign}\n")


@pytest.fixture
def world(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "plugins"))
    return World(tmp_path, f"signed_{request.node.name.partition('[')[0]}", **getattr(request, "param", {}))


def test_an_edit_between_plan_and_import_is_refused_though_it_is_put_back(world, monkeypatch):
    load, compute = predict_cells.load_model, predict_cells.predict_prompts

    def edited(*args):
        world.edit(-1)
        return load(*args)

    monkeypatch.setattr(predict_cells, "load_model", edited)

    def then_put_back(*args, **kwargs):
        found = compute(*args, **kwargs)
        if any(cell.key == world.own for cell in args[3]):
            world.edit(1)
        return found

    monkeypatch.setattr(predict_cells, "predict_prompts", then_put_back)
    with pytest.raises(CodeChangedError) as told:
        world.predict()
    assert world.helper.read_text() == "SIGN = 1\n"
    assert str(world.helper) in str(told.value)
    check("code is edited before a job imports it", str(told.value))
    store = world.plan.store("m", "b")
    assert not [*store.folder.glob(f"{world.own}*")]


@pytest.mark.parametrize("changed", ["data", "model"])
def test_files_that_are_changed_after_the_plan_are_refused(world, changed, tmp_path, monkeypatch):
    """Written again with the same content, they are the same."""
    file = tmp_path / {"data": "pope.parquet", "model": "model/config.json"}[changed]
    before, compute = file.read_bytes(), predict_cells.predict_prompts

    def then_changed(*args, **kwargs):
        found = compute(*args, **kwargs)
        if changed == "data":
            pq.write_table(pq.read_table(file), file, compression="gzip")
        else:
            file.write_bytes(before + b"\n")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(predict_cells, "predict_prompts", then_changed)
        with pytest.raises(InputsChangedError) as told:
            world.predict()
    check("files of a model or of data are changed while a study runs", str(told.value))
    store = world.plan.store("m", "b")
    assert not any(store.has_predictions(key) for key in world.cells)
    file.write_bytes(before)
    world.predict()
    assert all(store.has_predictions(key) for key in world.cells)


def test_which_files_a_benchmark_has_is_found_once(world, monkeypatch):
    """It takes all rows, and every cell's every shard is checked."""
    files, found = Adapter.files, []
    monkeypatch.setattr(Adapter, "files", lambda self: found.append(self) or files(self))
    world.predict()
    assert len(found) == 1


def test_code_that_nobody_edits_is_written(world):
    world.predict()
    assert all(world.plan.store("m", "b").has_predictions(key) for key in world.cells)


@pytest.mark.parametrize("world", [{"jobs_per_bundle": 2}], indirect=True)
def test_a_part_computed_by_other_code_is_not_joined(world):
    """A part's code is that of its own process: here it is told by its metadata."""
    world.predict(".1-of-2")
    world.predict(".2-of-2")
    shards = CellShards(world.plan.store("m", "b"), world.own, 3, [], world.code["codes"][world.own])
    file = shards.file(1)
    table = pq.read_table(file, partitioning=None)
    metadata = json.loads(table.schema.metadata[b"prunegrid"])
    shards.write(1, table.to_pylist(), {**metadata, "code": "edited"})
    with pytest.raises(DataError) as told:
        world.join()
    check("a part of a cell was computed by other code", str(told.value))
    assert not file.exists()
    world.predict(".2-of-2")
    world.join()
    assert world.plan.store("m", "b").has_predictions(world.own)


@pytest.mark.parametrize("world", [{"jobs_per_bundle": 2}], indirect=True)
def test_shards_of_two_cells_that_are_swapped_are_computed_again(world, caplog):
    world.predict(".1-of-2")
    store = world.plan.store("m", "b")
    one, other = (store.shards(key, 3) for key in world.cells)
    for name in ("00000.parquet", "00000.checksum.json"):
        shutil.move(one / name, store.folder / name)
        shutil.move(other / name, one / name)
        shutil.move(store.folder / name, other / name)
    world.predict(".1-of-2")
    assert len([record for record in caplog.records if "is of another cell" in record.message]) == 2
    world.predict(".2-of-2")
    world.join()
    for key in world.cells:
        assert json.loads(pq.read_schema(store.predictions(key)).metadata[b"prunegrid"])["key"] == key


def test_a_scorer_edited_and_put_back_writes_no_scores(world, monkeypatch):
    world.predict()
    keys = {
        "b": {key: world.plan.keys.score_key(cell) for key, cell in world.cells.items()},
    }
    code = {"python": python_version(), "codes": {"b": "planned"}}
    with pytest.raises(CodeChangedError, match="scores of b would be computed by other code"):
        score(world.config, HOME, "m", keys, code)
    assert not any(world.plan.store("m", "b").has_scores(key) for key in keys["b"].values())
    code["codes"]["b"] = world.plan.keys.scoring_code("b")
    score(world.config, HOME, "m", keys, code)
    assert all(world.plan.store("m", "b").has_scores(key) for key in keys["b"].values())


def test_flows_of_other_code_than_the_planned_are_not_written(world, tmp_path):
    file, keys = tmp_path / "flow/b.parquet", world.plan.keys
    key, codes = keys.flow_key("m", "b"), keys.flow_codes("m", "b")
    config = {**world.config, "flow": {**world.config["flow"], "limit": 2, "window": 8, "stride": 8}}

    def measure(codes):
        measure_flow(config, HOME, "m", "b", key, file, 1, {"python": python_version(), "codes": codes})

    for name in codes:
        with pytest.raises(CodeChangedError, match=f"^{name} would be computed by other code"):
            measure({**codes, name: "planned"})
    assert not [one for one in tmp_path.glob("flow/**/*") if one.is_file()]
    measure(codes)
    assert read_flow_rows(file, key)


def test_every_bit_of_a_shards_footer_counts(tmp_path, caplog):
    """Metadata have no checksum of Parquet's."""
    shards = CellShards(Store(tmp_path), "key", 1, ["s0"], "code")
    shards.write(0, [{"sample_id": "s0", "status": "ok"}], {"key": "key", "size": 256})
    file = shards.file(0)
    content = file.read_bytes()
    assert content.count(b'"size": 256') == 1
    file.write_bytes(content.replace(b'"size": 256', b'"size": 156'))
    assert not shards.is_done(0)
    assert "its checksum differs; its samples are computed again" in caplog.text
    file.write_bytes(content)
    assert shards.is_done(0)


def test_what_is_recorded_is_what_was_imported(tmp_path, monkeypatch):
    file = tmp_path / "recorded_here.py"
    file.write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import recorded_here  # noqa: F401 - leaves a .pyc of this second and size.

    del sys.modules["recorded_here"]
    imported = ImportedTexts()
    sys.meta_path.insert(0, imported)
    stat = file.stat()
    file.write_text("VALUE = 2\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    import recorded_here as again

    file.write_text("VALUE = 1\n")
    assert again.VALUE == 2
    assert imported.read(file) == b"VALUE = 2\n"
    assert imported.edited() == [file]
