"""What is said first, and how; the files."""

import json

import pytest

from prunegrid.findings.write_findings import write_findings
from prunegrid.tables.build import compared
from tests.findings.made_up import OPTIONS, right, said, study
from tests.tables.made_up import cell

RATIOS = (0.3, 0.5, 0.7)


def of_ratios(benchmarks=("one", "two")):
    """Return cells whose strategy `single` is better than the reference on `one`, at every ratio."""
    cells = []
    for benchmark in benchmarks:
        cells.append(cell("none", right(200), benchmark=benchmark))
        for ratio in RATIOS:
            better = 190 if benchmark == "one" else 150
            for strategy, count in (("hierarchical", 150), ("single", better), ("uniform", 60)):
                for criterion in ("attention", "norm"):
                    cells.append(
                        cell(strategy, right(count), benchmark=benchmark, ratio=ratio, criterion=criterion)
                    )
    return cells


def test_averages_come_first_and_then_the_highest_ratio() -> None:
    topics = [one.topic for one in said(of_ratios()) if one.shown]
    assert topics[0].startswith("Strategies on average")
    assert topics[1].startswith("Criteria on average")
    assert topics[2] == "Against the unpruned model, ratio 0.7"
    at = [topic.partition("ratio ")[2][:3] for topic in topics[2:]]
    assert at == sorted(at, reverse=True)


def test_neither_question_nor_what_is_not_told_hides_below_the_fold() -> None:
    shown = [one for one in said(of_ratios()) if one.shown]
    assert len(shown) == 12
    topics = [one.topic for one in shown]
    assert topics[3:6] == [
        "Strategies with attention, ratio 0.7, two",
        "Criteria in hierarchical, ratio 0.7, one and two",
        "Strategies with attention, ratio 0.7, one",
    ]
    assert shown[3].sentence.startswith(
        "No strategy can be told to be better than hierarchical. Worse: uniform."
    )


def test_a_line_reads_so() -> None:
    (one,) = [
        s for s in said(study(hierarchical=150, single=190, uniform=60)) if "Strategies with" in s.topic
    ]
    assert one.topic == "Strategies with attention, ratio 0.5, b"
    assert one.sentence == (
        "single is the best of the 3 that are ranked. Better than hierarchical: single +20.0 "
        "(+15.0 to +26.1; p < 0.001) at 100.0 % of the unpruned model's total compute (hierarchical: "
        "100.0 %). Worse than hierarchical: uniform −45.0."  # noqa: RUF001
    )


def test_one_benchmark_is_not_called_all() -> None:
    (one,) = [s for s in said(study(hierarchical=150, single=150)) if "Strategies with" in s.topic]
    assert one.topic == "Strategies with attention, ratio 0.5, b"
    assert "on b" not in one.sentence


def test_a_study_without_the_reference_says_who_is_best_all_the_same() -> None:
    lines = [one.sentence for one in said(study(single=190, uniform=100))]
    assert any("single is the best of the 2" in line for line in lines)
    assert not any("Better than" in line for line in lines)


def test_captions_are_counted_in_points_of_cider() -> None:
    cells = [
        cell(name, [2.0 * x for x in right(count)], headline="cider")
        for name, count in (("none", 200), ("hierarchical", 150), ("single", 150))
    ]
    text = " ".join(one.sentence for one in said(cells))
    assert "points of CIDEr" in text


@pytest.fixture
def written(tmp_path):
    write_findings(compared(of_ratios(), [], OPTIONS), tmp_path)
    return tmp_path


def test_the_file_is_json_without_nan_and_lines_name_their_findings(written) -> None:
    content = json.loads(
        (written / "findings.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    fields = {
        "question",
        "ratio",
        "match",
        "benchmark",
        "metric",
        "subject",
        "relation",
        "object",
        "difference",
    }
    fields |= {"low", "high", "p", "p_corrected", "sentence"}
    assert all(fields <= set(one) for one in content["findings"])
    for line in content["statements"]:
        own = [content["findings"][number] for number in line["findings"]]
        assert own
        for one in own:
            assert one["benchmark"] in ("one", "two", "")
    better = [
        line for line in content["statements"] if "Better than hierarchical: single" in line["sentence"]
    ]
    assert better
    for line in better:
        relations = {content["findings"][number]["relation"] for number in line["findings"]}
        assert "better than" in relations


def test_the_markdown_has_its_parts_in_order(written) -> None:
    text = (written / "findings.md").read_text()
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# What was found: m",
        "## Findings",
        "## More findings",
        "## What the samples can tell",
    ]


def test_names_are_escaped_in_markdown(tmp_path) -> None:
    cells = study("<script>alert(1)</script>", hierarchical=150, single=190)
    write_findings(compared(cells, [], OPTIONS), tmp_path)
    text = (tmp_path / "findings.md").read_text()
    assert "<script>" not in text
    assert r"\<script\>" in text
