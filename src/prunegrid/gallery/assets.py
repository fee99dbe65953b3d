"""What the section on samples needs once on a page: style, a library of tables with its licence, a script."""

from pathlib import Path

_HERE = Path(__file__).parent
# `CellKeys.report_key` has them all.
FILES = (
    _HERE / "samples.css",
    _HERE / "vendor/dataTables.LICENSE.txt",
    _HERE / "vendor/dataTables.min.js",
    _HERE / "samples.js",
)


def inlined() -> str:
    """Return it as HTML that asks for nothing from elsewhere."""
    style, licence, library, script = (file.read_text(encoding="utf-8") for file in FILES)
    return (
        f"<style>\n{style}</style>\n<script>\n/*\n{licence.strip()}\n*/\n{library}\n</script>\n"
        f"<script>\n{script}</script>\n"
    )
