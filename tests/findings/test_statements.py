"""What is said first, and how; the files."""

import json

import pytest

from prunegrid.findings.write_findings import write_findings
from prunegrid.tables.build import compared
from tests.findings.made_up import OPTIONS, found, right, said, study
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


def qualified():
    """Return cells where `single` is worse than the reference with attention, and better with deep scores."""
    cells = [cell("none", right(200))]
    counts = {
        ("hierarchical", "attention"): 190,
        ("single", "attention"): 150,
        # One criterion alone: the averages of strategies are over it alone.
        ("pyramid", "attention"): 120,
        ("hierarchical", "attention_deep"): 100,
        ("single", "attention_deep"): 150,
    }
    for ratio in (0.5, 0.7):
        cells += [
            cell(strategy, right(count), criterion=criterion, ratio=ratio)
            for (strategy, criterion), count in counts.items()
        ]
    return cells


def test_an_average_says_over_what_it_is() -> None:
    topics = [one.topic for one in said(of_ratios())]
    kept = "points of score kept"
    over = "ratios 0.3, 0.5 and 0.7; 2 benchmarks"
    assert topics[0] == f"Strategies on average (criteria attention and norm; {over}), {kept}"
    few = [one.topic for one in said(qualified())]
    assert few[0] == f"Strategies on average (criterion attention; ratios 0.5 and 0.7; b), {kept}"


def test_what_goes_against_an_average_stands_in_its_line_and_beside_it() -> None:
    lines = said(qualified())
    first = lines[0]
    assert first.sentence.startswith("Better than hierarchical: none; in part, with attention_deep: single. ")
    assert "Worse: pyramid −35.0" in first.sentence  # noqa: RUF001
    assert first.sentence.endswith(
        "Against this average, in the strategy table: with attention_deep, ratio 0.5, better than "
        "hierarchical: single. With attention_deep, ratio 0.7, better than hierarchical: single."
    )
    against = [f for f in first.findings if f.fixed == "attention_deep"]
    assert [(f.subject, f.relation) for f in against] == [("single", "better than")] * 2
    assert all(f.p_corrected < 0.05 for f in against)
    beside = {one.topic: one for one in lines if "with attention_deep" in one.topic}
    assert len(beside) == 2
    assert all(one.shown for one in beside.values())


def test_what_has_no_average_does_not_go_against_one() -> None:
    """Such as `exit`, which is in no average, as no criterion chooses its tokens."""
    cells = [*qualified(), *(cell("exit", right(199), criterion="none", ratio=ratio) for ratio in (0.5, 0.7))]
    first = said(cells)[0]
    assert "Against this average" in first.sentence
    assert "exit" not in first.sentence


def test_a_block_that_nothing_wins_names_the_blocks_where_something_does() -> None:
    (one,) = [s for s in said(qualified()) if s.topic == "Strategies with attention, ratio 0.7, b"]
    assert "hierarchical, the reference, is the best of the 3" in one.sentence
    assert "Elsewhere at this ratio some are better than hierarchical: with attention_deep: single." in (
        one.sentence
    )
    quiet = [s for s in said(of_ratios()) if s.topic == "Strategies with attention, ratio 0.7, two"]
    assert "Elsewhere" not in quiet[0].sentence


def test_lines_go_on_where_many_blocks_go_against_them() -> None:
    cells = [cell("none", right(200))]
    for ratio in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        for criterion, single in (("attention", 100), ("attention_deep", 190)):
            cells += [cell("hierarchical", right(150), criterion=criterion, ratio=ratio)]
            cells += [cell("single", right(single), criterion=criterion, ratio=ratio)]
        cells += [cell("pyramid", right(120), ratio=ratio)]
    lines = said(cells)
    assert lines[0].sentence.endswith(" So it is in 2 more blocks of it.")
    assert sum(one.shown for one in lines) == 12 + 4


def test_all_differences_of_a_line_are_of_the_named_to_the_other() -> None:
    (one,) = [
        s for s in said(study(hierarchical=190, single=150, uniform=60)) if "Strategies with" in s.topic
    ]
    assert "Hardest to tell from it is single: −20.0 (" in one.sentence  # noqa: RUF001
    assert "Worse than hierarchical: uniform −65.0, single −20.0." in one.sentence  # noqa: RUF001


def test_only_rows_of_the_block_are_counted_and_the_others_are_named() -> None:
    few = {"tflops_total": 2.0, "min_image_tokens": 1.0, "ratio_achieved": 0.5}
    cells = study(hierarchical=190, uniform=150)
    cells += [cell("exit", right(60), criterion="none", compute=few)]
    # Stands beside random schedules, with another criterion.
    cells += [cell("uniform", right(50), criterion="random", seed=seed) for seed in range(3)]
    cells += [cell("random", right(140), seed=seed, draws_schedule=True) for seed in range(10)]
    (one,) = [s for s in said(cells) if s.topic == "Strategies with attention, ratio 0.5, b"]
    assert "hierarchical, the reference, is the best of the 3 that are ranked." in one.sentence
    assert "exit leaves fewer than 4 image tokens in some layer, hence not ranked" in one.sentence


def test_too_few_draws_are_told_where_the_correction_makes_them_so() -> None:
    """Three draws that nearly agree are told alone, and not among many tests; images alone are, in both."""
    cells = study(hierarchical=190, **{f"own{i}": 190 - i for i in range(12)})
    cells += [cell("random", right(c), seed=s, draws_schedule=True) for s, c in enumerate((90, 104, 118))]
    rows = [f for f in found(cells) if (f.subject, f.about) == ("random", "the reference")]
    assert len(rows) == 1
    assert rows[0].p < 0.05 <= rows[0].p_corrected
    assert rows[0].too_few == "schedules"
    (line,) = [s for s in said(cells) if s.topic == "Strategies with attention, ratio 0.5, b"]
    assert "random (too few schedules)" in line.sentence
