"""LaTeX: every table compiles without a box that sticks out, whatever its texts are."""

from pathlib import Path

import pytest

from prunegrid.tables import latex
from prunegrid.tables.display import Field, Line, Printed
from prunegrid.tables.latex_text import escape, width, wrapped
from tests.tables import tex

needs_tex = pytest.mark.skipif(
    not tex.is_here(),
    reason="TABLES WERE NOT COMPILED: no pdflatex with booktabs and siunitx here "
    "(Debian: apt-get install texlive-latex-recommended texlive-science)",
)
NASTY = (
    "\\input{/etc/passwd} $x$ 50% #1 a_b^c ~ {<script>} | \"q\" & 'r' `s` * \\ é ñ ï ø Æ ß đ Ł 中文 שלום "
    "\u202e 🙂 − – — … → ≠ ≈ ° † ‡ § ¶ Δ × ±"  # noqa: RUF001
)
LONG = "a_very_long_name-of-something-" * 2 + "without" * 12


def table_of(text: str, long: str, n_rows: int = 3) -> Printed:
    """Return a table with a text wherever users, data sets and models may put one."""
    figures = [
        Field("−1234.5", ("−1234.5 to +1234.5", "draws −1.0 to +2.0", "p < 0.001, Holm 1.00"), "*°"),  # noqa: RUF001
        Field("0.0", bold=True),
        Field("–"),  # noqa: RUF001
        Field(text[:20], (f"{text[:20]} → b: 12 %",)),
    ]
    lines = [
        Line([Field(f"{long}{n}", ("over 10 drawn schedules",), "†‡≠§"), *figures]) for n in range(n_rows)
    ]
    return Printed(
        text,
        ["strategy", "MFLOPs (total)"],
        [(f"{long}: accuracy, %", ["value", "to reference strategy", "Δ ref."])],
        [(text, lines), (f"{long} and {text}", lines)],
        [text, long, text * 10],
        label=text,
    )


@needs_tex
@pytest.mark.parametrize("page", ["article", "two columns", "NeurIPS"])
def test_tables_of_a_study_compile(study, page: str, tmp_path: Path) -> None:
    files = sorted(study.tables.glob("*.tex"))
    assert {"strategy", "criterion", "changes", "main_effects", "paper-strategy", "paper-criterion"} == {
        file.stem for file in files
    }
    fragments = [file.read_text(encoding="utf-8") for file in files]
    assert tex.faults(page, fragments, tmp_path) == []


@needs_tex
@pytest.mark.parametrize("page", tex.PAGES)
def test_any_text_compiles_and_stays_within(page: str, tmp_path: Path) -> None:
    tables = [table_of(NASTY, "name"), table_of("text", LONG), table_of("x" * 200, "name", 40)]
    fragments = [latex.floats(table, columns) for table in tables for columns in ("one", "two")]
    assert tex.faults(page, fragments, tmp_path) == []


@needs_tex
def test_a_box_that_sticks_out_is_seen(tmp_path: Path) -> None:
    (fault,) = tex.faults("article", [r"\noindent\rule{500pt}{1pt}"], tmp_path)
    assert fault.startswith("Overfull")
    assert any(fault.startswith("!") for fault in tex.faults("article", [r"\nothing"], tmp_path))


def test_characters_that_fonts_lack_are_named() -> None:
    assert escape("é ï ñ") == r"\'{e} \"{\i} \~{n}"
    assert escape("中\u202e") == "[U+4E2D][U+202E]"
    assert escape("a\n  b") == "a b"
    assert all(ord(character) < 128 for character in escape(NASTY))


def test_lines_are_broken_at_spaces_and_joints() -> None:
    assert wrapped("attention_shallow", 8, 50) == ["attention_", "shallow"]
    assert wrapped("to reference strategy", 8, 60) == ["to reference", "strategy"]
    lines = wrapped(LONG, 8, 60)
    assert "".join(lines) == LONG
    assert all(width(line, 8) <= 60 for line in lines)


def test_figures_stand_in_columns_of_siunitx_with_their_marks() -> None:
    lines = [
        Line([Field("a"), Field("−1.5", mark="*"), Field("9.0", bold=True)]),  # noqa: RUF001
        Line([Field("b"), Field("+12.5"), Field("–")]),  # noqa: RUF001
    ]
    text = latex.floats(Printed("t", ["row"], [("b", ["x", "y"])], [("h", lines)], label="m-t"), "one")
    assert "S[table-format=+2.1,table-space-text-post={$^{*}$}]S[table-format=1.1]" in text
    assert r"a & -1.5$^{*}$ & \bfseries 9.0 \\" in text
    assert r"b & +12.5 & {--} \\" in text
    assert r"\begin{table}[tbp]" in text
    assert r"\label{tab:m-t}" in text


def test_a_table_that_is_too_wide_has_panels_of_the_same_rows() -> None:
    wide = [Field("row"), *[Field("100.0", ("90.0 to 100.0",))] * 12]
    table = Printed(
        "t",
        ["row"],
        [(f"b{n}", ["value", "to unpruned", "to reference"]) for n in range(4)],
        [("h", [Line(wide)] * 3)],
        ["note"],
    )
    text = latex.floats(table)
    assert text.count(r"\begin{tabular}") > 1
    assert text.count(r"\begin{table*}") == text.count(r"\caption") == text.count("note") == 1
    assert text.count("row & 100.0") == 3 * text.count(r"\begin{tabular}")


def test_a_table_that_is_too_long_has_several_floats_and_notes_after_them() -> None:
    line = Line([Field("row"), Field("1.0")])
    table = Printed("t", ["row", "x"], [], [("h", [line] * 200)], ["note"], label="long")
    text = latex.floats(table)
    count = text.count(r"\begin{table*}[p]")
    assert count > 3
    assert f"part 1 of {count}" in text
    assert text.count("row & 1.0") == 200
    assert text.count("h, continued") == count - 1
    assert rf"Notes to Table~\ref{{tab:long}} to~\ref{{tab:long-{count}}}" in text
    assert text.index("note") > text.rindex(r"\end{table*}")


def test_a_table_without_rows_is_still_one() -> None:
    text = latex.floats(Printed("t", ["row"], [], [], ["nothing"]))
    assert r"\begin{tabular}" in text
    assert "nothing" in text


def test_a_further_panel_leaves_out_blocks_without_a_figure() -> None:
    def line(name: str, *times: str) -> Line:
        return Line([Field(name), *[Field("123456789.123")] * 4, *map(Field, times)])

    table = Printed(
        "t",
        ["row", *[f"computed{n}" for n in range(4)]],
        [("measured", ["time", "speed"])],
        [("timed", [line("a", "123456789.5", "1234567.5")]), ("untimed", [line("b", "–", "–")])],  # noqa: RUF001
    )
    text = latex.floats(table)
    assert text.count(r"\begin{tabular}") == 2
    assert text.count("a & ") == 2
    assert text.count("b & ") == text.count("untimed") == 1


@pytest.mark.parametrize("n_rows", [8, 21, 22])
def test_pages_of_a_long_table_are_about_alike(n_rows: int) -> None:
    text = latex.floats(table_of("text", "name", n_rows))
    rows = [part.count("name") for part in text.split(r"\begin{tabular}")[1:]]
    assert len(rows) > 1
    assert min(rows) > max(rows) / 2
