"""Every published data set, rows of its schema, from hub and disk to complete tables, by two models."""

import json
import re
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.benchmarks import described, grounding, worlds
from tests.data.standin import Hub, of_folder
from tests.workflow.checkpoint import N_IMAGE, N_LAYERS, write_checkpoint
from tests.workflow.preloaded import OWN_HUB
from tests.workflow.study import Study

PUBLISHED = ["aokvqa", "scienceqa", "pope", "nocaps", "flickr30k"]
# Rows whose image is truncated, empty or no image at all.
BROKEN = {"aokvqa": 3}
N_ROWS, N_HUB_ROWS = 30, 12
# RefCOCO's three rows make six samples.
OTHER_SIZES = {"pope-hub": N_HUB_ROWS, "refcoco": 6, "chair": 3}
TOKEN = "hf_thisIsSecretAndMustNotBeShown"
CONFIG = {
    "models": ["tiny", "demo"],
    "model_specs": {"tiny": {"path": "someone/tiny-llava", "layers": N_LAYERS, "image_tokens": N_IMAGE}},
    # POPE is on the hub too, under the adapter's old id: it needs no path.
    "benchmarks": [*PUBLISHED, "pope-hub", "refcoco", "chair"],
    "benchmark_specs": {
        "aokvqa": {"path": "data/aokvqa"},
        "scienceqa": {"path": "data/scienceqa"},
        "pope": {"path": "data/pope.parquet", "max_new_tokens": 4},
        "nocaps": {"path": "data/nocaps/*.parquet", "max_new_tokens": 8},
        "flickr30k": {"path": "data/flickr30k", "max_new_tokens": 8},
        "pope-hub": {"adapter": "pope", "max_new_tokens": 4},
        "refcoco": {"path": "data/refcoco.parquet", "max_new_tokens": 4},
        "chair": {"path": "data/chair.parquet", "max_new_tokens": 4, "synonyms": described.WORDS},
    },
    "strategies": ["hierarchical", "blind"],
    "strategy_specs": {"hierarchical": {"options": {"layers": [1, 3]}}},
    "criteria": ["attention", "norm"],
    "ratios": [0.3, 0.5],
    "exclude": [{"model": "demo", "benchmark": ["pope-hub", "refcoco", "chair"]}],
    "bundle_size": 50,
    "tables": {"replicates": 200},
}
# none, blind, and two criteria at two ratios
PER_BENCHMARK = 2 + 2 * 2
# The page and its figures are drawn in other tests.
TABLES = ["--until", "build_tables"]


def write_sets(folder):
    """Write the rows of each set, in the layouts in which they are published or kept."""
    rows = {name: worlds.rows_of(name, N_ROWS) for name in PUBLISHED}
    for row, (data, *_) in zip(rows["aokvqa"], worlds.awkward().values(), strict=False):
        row["image"] = {"bytes": data, "path": None}
    half = N_ROWS // 2
    for shard, some in enumerate((rows["aokvqa"][:half], rows["aokvqa"][half:])):
        name = f"aokvqa/data/validation-0000{shard}-of-00002.parquet"
        worlds.write(folder / name, "aokvqa", some, row_group_size=10)
    worlds.write(folder / "aokvqa/data/train-00000-of-00001.parquet", "aokvqa")
    scienceqa = folder / "scienceqa/ScienceQA-IMG/test-00000-of-00001.parquet"
    worlds.write(scienceqa, "scienceqa", rows["scienceqa"])
    worlds.write(folder / "scienceqa/ScienceQA-FULL/test-00000-of-00001.parquet", "scienceqa")
    worlds.write(folder / "pope.parquet", "pope", rows["pope"])
    worlds.write(folder / "nocaps/part.parquet", "nocaps", rows["nocaps"])
    worlds.write(folder / "flickr30k/data/test-00000-of-00001.parquet", "flickr30k", rows["flickr30k"])
    grounding.write(folder / "refcoco.parquet")
    described.write(folder)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with the tiny model, and POPE under its old name."""
    folder = tmp_path_factory.mktemp("hub")
    pope = worlds.write(folder / "pope.parquet", "pope", worlds.rows_of("pope", N_HUB_ROWS)).read_bytes()
    repositories = {
        "models/someone/tiny-llava": of_folder(write_checkpoint(folder / "tiny")),
        "datasets/lmms-lab/POPE": {"data/test-00000-of-00001.parquet": pope, "README.md": b"# POPE"},
    }
    with Hub(repositories) as standin, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", standin.url)
        patch.setenv("HF_HUB_CACHE", str(folder / "cache"))
        patch.setenv("HF_TOKEN", TOKEN)
        patch.setenv(OWN_HUB, "1")
        yield standin


@pytest.fixture(scope="module")
def said(hub, tmp_path_factory):
    """What the study printed: refused before the download, downloaded, and run."""
    study = Study(tmp_path_factory.mktemp("published") / "project", CONFIG)
    write_sets(study.folder / "data")
    refused = study.run(check=False)
    before = len(hub.requests)
    downloaded = study.run("download")
    after = len(hub.requests)
    return {
        "study": study,
        "refused": refused,
        "downloaded": downloaded,
        "ran": study.run(*TABLES),
        "requests": (before, after - before, len(hub.requests) - after),
    }


@pytest.fixture(scope="module")
def study(said):
    return said["study"]


def metadata(file):
    return json.loads(pq.read_schema(file).metadata[b"prunegrid"])


def test_only_the_download_uses_the_hub(said, hub):
    before, during, after = said["requests"]
    assert "not on this machine:\nmodel_specs.tiny.path: someone/tiny-llava" in said["refused"]
    assert "run `snakemake download" in said["refused"]
    assert "Traceback" not in said["refused"]
    assert (before, after) == (0, 0)
    assert during > 0
    log = (said["study"].folder / "results/logs/download.log").read_text()
    assert f"someone/tiny-llava at {hub.commit('models/someone/tiny-llava')}: 7 files" in log
    assert "verified 7 files by checksum" in log
    assert "pope-hub" in log


def test_no_token_is_written_anywhere(said, hub):
    assert any(TOKEN in headers.get("authorization", "") for *_, headers in hub.requests)
    assert TOKEN not in said["refused"] + said["downloaded"] + said["ran"]
    for part in ("results", ".snakemake"):
        for file in (said["study"].folder / part).rglob("*"):
            assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


def test_every_table_is_complete(study):
    for model, benchmarks in (("tiny", CONFIG["benchmarks"]), ("demo", PUBLISHED)):
        cells = pd.read_csv(study.folder / f"results/{model}/tables/cells.csv")
        assert len(cells) == PER_BENCHMARK * len(benchmarks)
        for benchmark in benchmarks:
            rows = cells[cells["benchmark"] == benchmark]
            assert len(rows) == PER_BENCHMARK
            assert set(rows["n"]) == {OTHER_SIZES.get(benchmark, N_ROWS)}
            assert set(rows["n_error"]) == {BROKEN.get(benchmark, 0)}
            metrics = {
                "pope": ["accuracy", "f1"],
                "pope-hub": ["accuracy", "f1"],
                "refcoco": ["accuracy", "mean_iou", "box_rate"],
                # A random model names nothing: CHAIR_i is not defined.
                "chair": ["object_precision", "chair_s", "object_recall"],
            }
            captions = benchmark in ("nocaps", "flickr30k")
            for metric in ["cider"] if captions else metrics.get(benchmark, ["accuracy"]):
                assert rows[[metric, f"{metric}_low", f"{metric}_high"]].notna().all(axis=None), benchmark
            pruned = rows[rows["strategy"] == "hierarchical"]
            assert set(pruned["criterion"]) == {"attention", "norm"}
            # 16 image tokens in 6 layers cannot hit a ratio better than this.
            assert (pruned["ratio_achieved"] - pruned["ratio"]).abs().max() < 1 / N_IMAGE / 2
        for table in ("strategy", "criterion"):
            shown = pd.read_csv(study.folder / f"results/{model}/tables/{table}.csv")
            assert {"hierarchical", "blind", "none"} <= set(shown["strategy"])


def test_the_commit_is_recorded(study, hub):
    tiny = metadata(study.cells()["tiny/pope-hub/hierarchical/norm/ratio-0.300/seed-0"])
    assert tiny["model"]["id"] == "someone/tiny-llava"
    assert tiny["model"]["revision"] == hub.commit("models/someone/tiny-llava")
    assert tiny["data"]["id"] == tiny["data"]["path"] == "lmms-lab/POPE"
    assert tiny["data"]["revision"] == hub.commit("datasets/lmms-lab/POPE")
    demo = metadata(study.cells()["demo/aokvqa/hierarchical/norm/ratio-0.300/seed-0"])
    assert (demo["model"]["revision"], demo["data"]["revision"]) == (None, None)
    assert demo["data"]["files"] == [f"validation-0000{shard}-of-00002.parquet" for shard in range(2)]


# As `test_reruns` has it of two benchmarks that the demo draws.
@pytest.mark.exhaustive
def test_a_deleted_cell_alone_comes_back(study):
    before = study.stamps()
    name = "tiny/nocaps/hierarchical/norm/ratio-0.500/seed-0"
    content = study.cells()[name].read_bytes()
    shutil.rmtree(study.folder / "results" / name)
    assert study.planned(*TABLES) == {"publish": 1, "build_tables": 1}
    study.run(*TABLES)
    assert study.cells()[name].read_bytes() == content
    after = study.stamps()
    assert {other for other in after if after[other] != before[other]} <= {name}


@pytest.mark.exhaustive
def test_a_cell_that_the_store_lost_too_is_computed_alone(study):
    before = study.stamps()
    name = "demo/scienceqa/hierarchical/attention/ratio-0.300/seed-0"
    file = study.cells()[name]
    kept = pq.read_table(file, partitioning=None)
    (study.folder / f"results/demo/scienceqa/.store/{metadata(file)['key']}.parquet").unlink()
    shutil.rmtree(file.parent)
    study.run(*TABLES)
    log = study.log()
    assert set(re.findall(r"\[\d+/\d+\] (.*?): ", log)) == {"hierarchical x attention, ratio 0.300, seed 0"}
    assert "5 of 6 cells are in the store" in log
    again = pq.read_table(study.cells()[name], partitioning=None)
    assert again.equals(kept)
    after = study.stamps()
    assert {other for other in after if after[other] != before[other]} == {name}
    assert study.planned(*TABLES) == {}
