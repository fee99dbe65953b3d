"""A table as files: CSV, Markdown, LaTeX and HTML."""

from pathlib import Path

from prunegrid.files import write_text
from prunegrid.tables import html, latex, markdown
from prunegrid.tables.display import Printed
from prunegrid.tables.page import page


def write_four_formats(
    kind: str, csv: str, shown: Printed, folder: Path, brief: Printed | None = None
) -> None:
    """Write {kind}.csv, .md, .tex and .html.

    Parameters
    ----------
    kind : str
        Name of the files.
    csv : str
        The whole file, with numbers in natural units.
    shown : Printed
        The table with its numbers as text.
    folder : Path
    brief : Printed, optional
        What the LaTeX has of it, for a page; by default all.
    """
    write_text(folder / f"{kind}.csv", csv)
    write_text(folder / f"{kind}.md", markdown.render(shown))
    write_text(folder / f"{kind}.tex", latex.render(brief or shown))
    write_text(folder / f"{kind}.html", page(shown.title, html.render(shown)))
