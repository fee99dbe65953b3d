"""`match: [share, tflops_total]`: blocks of both in one table, each as in a study of its own."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from prunegrid.axis_names import SHARE, TOTAL
from prunegrid.tables import flat, html, latex, main_effects_table, markdown, paper_table
from prunegrid.tables.build import _more_columns, compared, make_tables
from prunegrid.tables.cells import RowKey, write_cells
from prunegrid.tables.compute_gap import reference_totals
from prunegrid.tables.display import DASH, printed
from prunegrid.tables.paper_choice import chosen_blocks
from prunegrid.tables.paper_options import PaperOptions
from prunegrid.tables.signs import MISSED_BUDGET, OFF_TARGET
from tests.tables.two_matchings import ALONE, BOTH, REASON, ROWS, UNREACHABLE, WORDS, answers, cells


def of(match: str) -> list:
    """Return the cells of a matching, as a study has them that matches nothing else."""
    return [replace(one, match="") for one in cells() if one.match in ("", match)]


def rows_of(table) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(flat.render(table)), keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def tables():
    return make_tables(cells(), UNREACHABLE, BOTH)


@pytest.mark.parametrize("place", [0, 1], ids=["strategy", "criterion"])
@pytest.mark.parametrize("match", [SHARE, TOTAL])
def test_a_block_is_that_of_a_study_of_its_matching(tables, place: int, match: str) -> None:
    """All but what is corrected over the table, and what follows from the number of tests."""
    unreachable = [{**row, "match": ""} for row in UNREACHABLE if row["match"] == match]
    alone = rows_of(make_tables(of(match), unreachable, ALONE[match])[place])
    both = rows_of(tables[place])
    own = both[both.match.isna() | (both.match == match)].reset_index(drop=True)
    own["block"] = own.block.str.removesuffix(f", {WORDS[match]}")
    corrected = [name for name in alone if name.endswith(("_p_holm", "_detectable"))]
    assert len(corrected) == 6
    left = alone.drop(columns=corrected).dropna(axis=1, how="all")
    assert {"b_value", "b_to_none_low", "b_to_none_p", "b_best_group", "b_budget_missed"} <= {*left}
    assert ("b_total_gap" in left) == (match == TOTAL)
    pd.testing.assert_frame_equal(own[left.columns], left, check_dtype=False)


def test_headings_name_what_is_equal(tables) -> None:
    assert [block.heading for block in tables[0].blocks] == [
        "no pruning, and the floors",
        "criterion attention, ratio 0.5, equal share of tokens",
        "criterion attention, ratio 0.5, equal total compute",
    ]
    assert [block.heading for block in tables[1].blocks[1:3]] == [
        "strategy hierarchical, ratio 0.5, equal share of tokens",
        "strategy hierarchical, ratio 0.5, equal total compute",
    ]
    for render in (html.render, latex.render, markdown.render):
        text = render(printed(tables[0]))
        assert "ratio 0.5, equal share of tokens" in text
        assert "ratio 0.5, equal total compute" in text


def test_differences_are_to_the_reference_of_the_own_block(tables) -> None:
    for row in tables[1].rows:
        if row.key.criterion == "norm" and row.results:
            achieved = ROWS[row.key[:2]][row.key.match][0]
            of_reference = ROWS[row.key.strategy, "attention"][row.key.match][0]
            mine = np.array(answers(row.key.strategy, "norm", achieved))
            reference = np.array(answers(row.key.strategy, "attention", of_reference))
            found = row.results["b"].contrasts["criterion_effect"].value
            assert found == pytest.approx((mine - reference).mean())


def test_holm_is_over_both_and_counts_what_is_computed_once(tables) -> None:
    """The reference is one computation under both, and so is `exit`, whose layer is the same."""
    strategy = tables[0]
    assert strategy.same[RowKey("hierarchical", "attention", 0.5, TOTAL)] == RowKey(
        "hierarchical", "attention", 0.5, SHARE
    )
    assert strategy.same[RowKey("exit", "none", 0.5, TOTAL)] == RowKey("exit", "none", 0.5, SHARE)
    assert strategy.same[RowKey("single", "attention", 0.5, TOTAL)].match == TOTAL
    # Of hierarchical, exit and two of single; and of exit and two of single.
    assert strategy.families == {"to_none": 4, "strategy_effect": 3, "interaction": 0}
    places = [
        RowKey("single", "attention", 0.5, SHARE),
        RowKey("single", "attention", 0.5, TOTAL),
        RowKey("exit", "none", 0.5, SHARE),
    ]
    results = {row.key: row.results["b"] for row in strategy.rows if row.results}
    tests = [results[key].contrasts["strategy_effect"].p for key in places]
    corrected = [strategy.corrected[key, "b", "strategy_effect"] for key in places]
    np.testing.assert_allclose(corrected, multipletests(tests, method="holm")[1])
    assert any(
        "hierarchical x attention (equal share of tokens) = hierarchical x attention (equal total compute)"
        in note
        for note in printed(strategy).notes
    )


def marked(shown, sign: str) -> list[tuple[str, str]]:
    return [
        (heading.rpartition(", ")[2], line.fields[0].main)
        for heading, lines in shown.blocks
        for line in lines
        if any(sign in field.mark for field in line.fields)
    ]


def test_marks_are_those_of_the_block(tables) -> None:
    """`exit` misses its share in one block; `single x norm` its total in the other."""
    assert marked(printed(tables[0]), MISSED_BUDGET) == [(WORDS[SHARE], "exit")]
    shown = printed(tables[1])
    assert marked(shown, OFF_TARGET) == [(WORDS[TOTAL], "norm")]
    assert any("a row is compared with the reference of its own block" in note for note in shown.notes)


def test_what_is_out_of_reach_is_a_dash_in_its_block(tables) -> None:
    shown = printed(tables[1])
    lines = {(heading, line.fields[0].main): line for heading, lines in shown.blocks for line in lines}
    left_out = lines["strategy single, ratio 0.5, equal total compute", "gradient"]
    assert {field.main for field in left_out.fields[1:]} == {DASH}
    assert left_out.fields[0].tip == REASON
    there = lines["strategy single, ratio 0.5, equal share of tokens", "gradient"]
    assert there.fields[1].main != DASH
    assert any(REASON in note for note in shown.notes)


def test_cells_csv_tells_them_apart(tmp_path) -> None:
    made = cells()
    # A computation that was first made for another ratio names that one in its scores.
    made[2] = replace(
        made[2], scores={**made[2].scores, "compute": {**made[2].numbers, "ratio_requested": 0.9}}
    )
    targets = reference_totals(made, BOTH)
    write_cells(made, tmp_path / "cells.csv", lambda one: _more_columns(targets, BOTH, one))
    rows = pd.read_csv(tmp_path / "cells.csv", keep_default_na=False)
    assert list(rows)[:7] == ["model", "benchmark", "strategy", "criterion", "ratio", "seed", "match"]
    assert rows.match.tolist() == [one.match for one in made]
    assert (rows.ratio_requested[1:] == 0.5).all()
    total, share = rows[rows.match == TOTAL], rows[rows.match == SHARE]
    gaps = [ROWS[key][TOTAL][1] / 2 - 1 for key in zip(total.strategy, total.criterion, strict=True)]
    np.testing.assert_allclose(total.total_gap.astype(float), gaps, atol=1e-12)
    assert (share.total_gap == "").all()
    assert share.budget_missed.tolist() == [str(s == "exit") for s in share.strategy]
    assert (total.budget_missed == "").all()


def test_averages_are_of_one_matching_each() -> None:
    made = compared(cells(), UNREACHABLE, BOTH)
    effects, benchmarks = made.effects, made.averaged
    found = {(e.axis, e.name, e.match): e for e in effects}
    for match in (SHARE, TOTAL):
        alone = compared(of(match), [], ALONE[match]).effects
        assert {(e.axis, e.name) for e in alone} == {key[:2] for key in found if key[2] == match}
        for effect in alone:
            own = found[effect.axis, effect.name, match]
            numbers = [vars(one).copy() for one in (own, effect)]
            for one in numbers:
                del one["match"], one["p_holm"]
            over = [[one.pop(name) for name in ("company", "ratios", "benchmarks")] for one in numbers]
            assert over[0] == over[1]
            assert numbers[0] == pytest.approx(numbers[1], nan_ok=True)
    single = [found["strategy", "single", match] for match in (SHARE, TOTAL)]
    corrected = multipletests([one.p for one in single], method="holm")[1]
    np.testing.assert_allclose([one.p_holm for one in single], corrected)
    shown = main_effects_table.printed(effects, "m", benchmarks, BOTH)
    assert [heading for heading, _ in shown.blocks] == [
        f"{axis}, averaged: {company}; ratio 0.5, {WORDS[match]}"
        for axis, company, match in (
            ("strategy", "criteria attention and norm", SHARE),
            ("strategy", "criteria attention and norm", TOTAL),
            ("criterion", "strategy single", SHARE),
            ("criterion", "strategies hierarchical and single", TOTAL),
        )
    ]


def test_one_matching_alone_is_told_nowhere() -> None:
    for match in (SHARE, TOTAL):
        table = make_tables(of(match), [], ALONE[match])[0]
        assert "match" not in rows_of(table)
        assert not any("equal" in block.heading for block in table.blocks)


def test_a_table_for_a_paper_has_blocks_of_both_or_of_one(tables) -> None:
    def shown(**options):
        chosen = PaperOptions(**options)
        part = replace(tables[0], blocks=chosen_blocks(tables[0], chosen))
        return paper_table.printed(tables[0], part, chosen)

    both, one = shown(), shown(match=[TOTAL])
    assert [heading for heading, _ in both.blocks[1:]] == [
        f"criterion attention, ratio 0.5, {WORDS[match]}" for match in (SHARE, TOTAL)
    ]
    assert [heading for heading, _ in one.blocks[1:]] == [f"criterion attention, ratio 0.5, {WORDS[TOTAL]}"]
    told = "the total compute that the reference has there"
    assert any(note.startswith("In blocks of equal total compute") and told in note for note in both.notes)
    assert any(note.startswith("Rows") and told in note for note in one.notes)
    assert not any(told in note for note in shown(match=[SHARE]).notes)
