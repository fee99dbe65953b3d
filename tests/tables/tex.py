"""Compile LaTeX fragments, with the TeX that is on this machine, in the pages of several classes."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PAGES = {
    "article": r"\documentclass{article}",
    "two columns": r"\documentclass[twocolumn]{article}",
    # Width and height of NeurIPS's text.
    "NeurIPS": r"\documentclass{article}\usepackage[textwidth=5.5in,textheight=9in]{geometry}",
    # Columns of ACL's width, and its size of fonts.
    "ACL": r"\documentclass[twocolumn,11pt]{article}\usepackage[textwidth=455pt,textheight=700pt]{geometry}"
    r"\setlength{\columnsep}{17pt}",
}
_FAULTS = re.compile(r"^(?:!|Overfull|.*Float too large|.*Too many unprocessed floats).*", re.M)
_LAST_LINE = "that is all"


def is_here() -> bool:
    """Return whether pdflatex is on this machine, with the packages that tables need."""
    if not shutil.which("pdflatex"):
        return False
    looked = [
        subprocess.run(["kpsewhich", f"{name}.sty"], capture_output=True) for name in ("booktabs", "siunitx")
    ]
    return all(done.returncode == 0 for done in looked)


def faults(page: str, fragments: Sequence[str], folder: Path) -> list[str]:
    """Return errors, and boxes that stick out, of a document that holds fragments.

    Parameters
    ----------
    page : str
        One of `PAGES`.
    fragments : sequence of str
    folder : path
        Where it is compiled.
    """
    text = "\n\\clearpage\n".join(fragments)
    document = (
        f"{PAGES[page]}\n\\usepackage{{booktabs,siunitx}}\n\\begin{{document}}\n{text}\n"
        f"\\clearpage\\typeout{{{_LAST_LINE}}}\\end{{document}}\n"
    )
    (folder / "page.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "page.tex"]
    quiet = subprocess.DEVNULL
    subprocess.run(command, cwd=folder, stdout=quiet, stderr=quiet, timeout=300)
    log = (folder / "page.log").read_text(encoding="latin-1")
    lost = [] if _LAST_LINE in log else ["the document was not read to its end"]
    return [*_FAULTS.findall(log), *lost]
