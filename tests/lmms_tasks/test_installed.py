"""The tasks of the installed lmms-eval: they load, run and score on rows of the published columns.

`make test-tasks` installs it; elsewhere every test here is skipped by that name.
"""

import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.errors import ConfigError
from prunegrid.lmms_tasks.functions import load
from prunegrid.lmms_tasks.installation import RELEASE, release, tasks_folder
from prunegrid.lmms_tasks.published_metrics import anls, exact_match
from prunegrid.lmms_tasks.task import task_of
from prunegrid.lmms_tasks.task_files import FunctionReference
from tests.lmms_tasks.colours import adapter, predictions, scorer
from tests.lmms_tasks.published import CASES
from tests.lmms_tasks.write_list import HOME, page

pytestmark = pytest.mark.skipif(
    find_spec("lmms_eval") is None, reason="lmms-eval is not installed: `make test-tasks` runs its tasks"
)
ENDS = {"mme": 4.0}


@pytest.fixture
def parquet(tmp_path):
    def write(task):
        file = tmp_path / "rows.parquet"
        pq.write_table(pa.Table.from_pylist([row for row, _, _ in CASES[task]]), file)
        return file

    return write


def scored(task, file, answers):
    samples = list(adapter(file, task, include_path=None).samples())
    assert [sample.error for sample in samples] == [None] * len(samples)
    return scorer(task, None).score(predictions(samples, answers), replicates=300)


def test_the_release_is_the_one_that_the_list_was_made_with():
    assert release() == RELEASE


@pytest.mark.parametrize("task", CASES)
def test_right_answers_score_all_and_wrong_ones_nothing(task, parquet):
    file = parquet(task)
    right = scored(task, file, [answer for _, answer, _ in CASES[task]])
    wrong = scored(task, file, [answer for _, _, answer in CASES[task]])
    most = right.metrics[right.headline]["value"]
    # ANLS gives a misspelt answer its part.
    assert most == pytest.approx(ENDS.get(task, 1.0), abs=0.05)
    assert wrong.metrics[wrong.headline]["value"] < most
    assert right.per_sample["score"].mean() == pytest.approx(most)


def function(file, name):
    return load(FunctionReference(Path(tasks_folder(), file), name))


def by_function(file, name, aggregate=None, metric=None):
    """Return what lmms-eval's own functions make of all documents and answers."""

    def value(documents, answers):
        results = [function(file, name)(dict(d), [a]) for d, a in zip(documents, answers, strict=True)]
        found = [one[metric] for one in results if metric in one]
        return float(np.mean(found)) if aggregate is None else function(file, aggregate)(found)

    return value


def by_mme(documents, answers):
    parts = [
        by_function("mme/utils.py", "mme_process_results", "mme_aggregate_results", f"mme_{part}_score")
        for part in ("perception", "cognition")
    ]
    return sum(part(documents, answers) for part in parts) / 100


def by_mmbench(documents, answers):
    return (
        task_of("mmbench_en_dev_static").aggregated(
            "gpt_eval_score",
            [
                function("mmbench/en_utils.py", "mmbench_process_results")(dict(d), [a])["gpt_eval_score"]
                for d, a in zip(documents, answers, strict=True)
            ],
        )
        / 100
    )


def by_registered(metric, gold, **options):
    def value(documents, answers):
        from lmms_eval.api import metrics

        call = {"exact_match": metrics.exact_match_hf_evaluate, "anls": metrics.anls}[metric]
        values = []
        for document, answer in zip(documents, answers, strict=True):
            golds = gold(document)
            found = call(references=golds, predictions=[answer], **options)
            values.append(float(found[metric]))
        return float(np.mean(values))

    return value


IGNORING = {"ignore_case": True, "ignore_punctuation": True}
DIRECT = {
    "gqa": by_registered("exact_match", lambda d: [d["answer"]], **IGNORING),
    "docvqa_val": by_registered("anls", lambda d: d["answers"]),
    "vqav2_val": by_function("vqav2/utils.py", "vqav2_process_results_val", metric="exact_match"),
    "textvqa_val": by_function("textvqa/utils.py", "textvqa_process_results", metric="exact_match"),
    "chartqa": by_function("chartqa/utils.py", "chartqa_process_results", metric="relaxed_overall"),
    "realworldqa": by_function(
        "realworldqa/utils.py", "realworldqa_process_results", metric="exact_match"
    ),
    "seedbench": by_function(
        "seedbench/utils.py", "seed_process_result", "seed_aggregation_result", "seed_image"
    ),
    "mmmu_val": by_function("mmmu/utils.py", "mmmu_process_results", "mmmu_aggregate_results", "mmmu_acc"),
    "mmstar": by_function("mmstar/utils.py", "mmstar_process_results", "mmstar_aggregate_results", "average"),
    "mmvp": by_function("mmvp/utils.py", "mmvp_process_results", "mmvp_aggregate_results", "mmvp_accuracy"),
    "cv_bench": by_function(
        "cv_bench/utils.py", "cv_bench_process_results", "cv_bench_aggregate_results", "cv_bench_acc"
    ),
    "hallusion_bench_image": by_function(
        "hallusion_bench/evaluate_hb.py", "hb_process_results", "hb_aggregation_result_aAcc_intern", "aAcc"
    ),
    "mme": by_mme,
    "mmbench_en_dev_static": by_mmbench,
}  # fmt: skip


@pytest.mark.parametrize("task", DIRECT)
@pytest.mark.parametrize("pattern", [0b01, 0b10, 0b101101, 0b110])
def test_scores_are_those_of_lmms_evals_own_functions(task, pattern, parquet):
    """Some answers right, some wrong, by the bits of a number."""
    answers = [case[1 if pattern >> at & 1 else 2] for at, case in enumerate(CASES[task])]
    found = scored(task, parquet(task), answers)
    documents = [row for row, _, _ in CASES[task]]
    assert found.metrics[found.headline]["value"] == pytest.approx(DIRECT[task](documents, answers))
    assert found.per_sample["score"].mean() == pytest.approx(DIRECT[task](documents, answers))


@pytest.mark.parametrize("metric", ["qAcc", "fAcc"])
def test_groups_are_those_of_lmms_eval(metric, parquet):
    task = "hallusion_bench_image"
    answers = ["Yes", "No", "yes"]
    own = by_function(
        "hallusion_bench/evaluate_hb.py",
        "hb_process_results",
        f"hb_aggregation_result_{metric}_intern",
        metric,
    )
    found = scored(task, parquet(task), answers).metrics[metric]["value"]
    assert found == own([row for row, _, _ in CASES[task]], answers) == 0.5


def test_registered_metrics_are_lmms_evals():
    from lmms_eval.api import metrics

    texts = ["A cat.", "a cat", "the  Cat", "", "12", "dogs", "CAT-", "cat\n"]
    for gold in texts:
        for said in texts:
            both = {"references": [gold], "predictions": [said]}
            assert anls([gold], said, {}) == metrics.anls(**both)["anls"], both
            for options in ({}, IGNORING, {"ignore_numbers": True}, {"regexes_to_ignore": ["the "]}):
                own = metrics.exact_match_hf_evaluate(**both, **options)["exact_match"]
                assert exact_match([gold], said, options) == own, (both, options)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("mmvet", "'mmvet' cannot be run here: .*judge"),
        ("mmbench_en_dev", "'mmbench_en_dev' cannot be run here: .*judge"),
        ("llava_in_the_wild", "'llava_in_the_wild' cannot be run here: .*judge"),
        ("docvqa_test", "'docvqa_test' cannot be run here: .*uploaded"),
        ("videomme", "'videomme' cannot be run here: it shows videos"),
        ("nextqa_mc_test", "'nextqa_mc_test' cannot be run here: it shows videos"),
        ("refcoco_bbox_rec_testA", "cannot be run here: the adapter 'refcoco' does"),
        ("refcoco_plus_grounding_testB", "cannot be run here: the adapter 'refcoco' does"),
        ("coco_cap_chair", "cannot be run here: the adapter 'chair' does"),
        ("livexiv_vqa_v1", "cannot be run here: its scorer reads the picture"),
        ("nocaps_val", "cannot be run here: its captions are scored all at once"),
        ("textvqa_vall", "unknown task 'textvqa_vall': did you mean 'textvqa_val'"),
        ("mvbench", "'mvbench' is a group of tasks"),
    ],
)
def test_what_cannot_be_run_is_refused(task, told, tmp_path):
    with pytest.raises(ConfigError, match=told):
        adapter(tmp_path / "none.parquet", task, include_path=None)


def test_gqa_takes_its_pictures_from_its_other_configuration(tmp_path):
    """As the hub has them: questions in one folder, pictures in another."""
    rows = [row for row, _, _ in CASES["gqa"]]
    asked = [{name: value for name, value in row.items() if name != "image"} for row in rows]
    shown = [{"id": row["imageId"], "image": row["image"]} for row in rows]
    for kind, table in (("instructions", asked), ("images", shown)):
        file = tmp_path / f"testdev_balanced_{kind}/testdev-00000-of-00001.parquet"
        file.parent.mkdir()
        pq.write_table(pa.Table.from_pylist(table), file)
    one = adapter(tmp_path, "gqa", include_path=None)
    apart = list(one.samples())
    assert [sample.error for sample in apart] == [None, None]
    assert len(one.files()) == 2
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.Table.from_pylist(rows), whole)
    together = list(adapter(whole, "gqa", include_path=None).samples())
    assert [(s.image_id, s.prompt) for s in apart] == [(s.image_id, s.prompt) for s in together]


def test_files_of_joined_pictures_are_opened_once(tmp_path, monkeypatch):
    """GQA has 12,578 questions about 398 pictures: its other configuration is located and read once."""
    rows = [{**row, "imageId": "n0"} for row, _, _ in CASES["gqa"] * 3]
    asked = [{name: value for name, value in row.items() if name != "image"} for row in rows]
    shown = [{"id": "n0", "image": rows[0]["image"]}]
    for kind, table in (("instructions", asked), ("images", shown)):
        file = tmp_path / f"testdev_balanced_{kind}/testdev-00000-of-00001.parquet"
        file.parent.mkdir()
        pq.write_table(pa.Table.from_pylist(table), file)
    opened, kept = Counter(), pq.ParquetFile

    def opening(file, **options):
        opened[Path(file).parent.name] += 1
        return kept(file, **options)

    monkeypatch.setattr("prunegrid.data.table_files.pq.ParquetFile", opening)
    one = adapter(tmp_path, "gqa", include_path=None)
    assert [sample.error for sample in one.samples()] == [None] * 6
    # Its footer, its names, and the one picture.
    assert opened["testdev_balanced_images"] == 3
    assert [sample.error for sample in one.samples([4, 5])] == [None] * 2
    assert len(one.files()) == 2
    assert opened["testdev_balanced_images"] == 3


def test_the_list_is_the_one_in_the_documentation():
    text = (HOME / "docs/tasks.md").read_text(encoding="utf-8")
    listed = page()
    assert listed in text, "run python -m tests.lmms_tasks.write_list"
    assert len(re.findall(r"^\| `", listed, re.M)) >= 30
