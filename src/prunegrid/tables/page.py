"""Write an HTML page with its style sheet inlined, no scripts and nothing from a network."""

from functools import cache
from html import escape
from pathlib import Path

_BEGIN, _END = "<!-- content -->", "<!-- end of content -->"


@cache
def style() -> str:
    """Return the style sheet of all pages."""
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def page(title: str, content: str, head: str = "") -> str:
    """Frame a fragment as a page of its own.

    Parameters
    ----------
    title : str
        Plain text.
    content : str
        HTML, already escaped.
    head : str
        Elements of the page's head beside the usual ones.
    """
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{head}<title>{escape(title)}</title>\n"
        f"<style>\n{style()}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        f"{_BEGIN}\n{content}{_END}\n</main>\n</body>\n</html>\n"
    )


def content_of(text: str) -> str:
    """Return the fragment that `page` framed."""
    return text.partition(_BEGIN)[2].partition(_END)[0]
