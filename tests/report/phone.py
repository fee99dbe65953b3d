"""How large the letters of a figure are on a phone."""

import re
from pathlib import Path

# A page of 420 px, less its margins.
PHONE = 396


def smallest_on_a_phone(figure: Path) -> float:
    """Return the pixels of the smallest letters of an SVG file that is shrunk to the width of a phone."""
    drawn = figure.read_text()
    found = re.search(r'<svg [^>]*?width="([\d.]+)pt"', drawn)
    assert found is not None
    # In the units of the drawing a point is 96 / 72 pixels of its natural size.
    width = float(found[1]) * 96 / 72
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )*([\d.]+)px", drawn)]
    assert sizes
    return min(sizes) * 96 / 72 * min(1, PHONE / width)
