"""Find which picture each image id stands for: that of the first row with the id in the whole data set."""

from collections.abc import Callable, Sequence

from prunegrid.data.images import Picture
from prunegrid.data.rows import Row, Rows
from prunegrid.errors import DataError

# image id -> digest of its picture, and number of the row that showed it first.
Shown = dict[str, tuple[str, int]]


def shown_before(
    rows: Rows, positions: Sequence[int], image_ids: Sequence[str | None], picture: Callable[[Row], Picture]
) -> Shown:
    """Return what rows before the given ones show under the same image ids.

    Parameters
    ----------
    rows : Rows
        All selected rows.
    positions : sequence of int
        Ascending positions among them that are about to be read.
    image_ids : sequence of str or None
        The data set's own image id of every selected row.
    picture : callable
        Row -> its decoded picture.
    """
    wanted = set(positions)
    asked = {image_ids[position] for position in wanted}
    earlier: dict[str, list[int]] = {}
    for position in range(max(wanted, default=0)):
        image_id = image_ids[position]
        if image_id is not None and image_id in asked and position not in wanted:
            earlier.setdefault(image_id, []).append(position)
    shown: Shown = {}
    while earlier:
        # One pass over the files for all ids, and another only where a picture is broken.
        first = {places.pop(0): name for name, places in earlier.items()}
        for position, row in zip(sorted(first), rows.read(sorted(first)), strict=True):
            try:
                digest = picture(row).digest
            except DataError:
                continue
            shown[first[position]] = (digest, row.number)
        earlier = {name: places for name, places in earlier.items() if places and name not in shown}
    return shown
