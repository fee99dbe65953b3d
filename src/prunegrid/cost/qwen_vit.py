"""FLOPs of the vision towers of Qwen2-VL, Qwen2.5-VL and Qwen3-VL. Imports no torch."""

from collections.abc import Callable

from prunegrid.cost.vit import block_flops
from prunegrid.pruning.patch_grid import Config, PatchGrid


def qwen_vit_flops(
    vision: Config,
    grid: PatchGrid,
    *,
    width: int,
    ffn: int,
    matrices: int,
    out: int,
    mergers: int = 1,
    seen: Callable[[int], int] | None = None,
) -> int:
    """Return the FLOPs of a tower and its mergers; frames do not see each other.

    Parameters
    ----------
    vision : mapping
        The model's `vision_config`.
    grid : (int, int, int)
        Frames, rows and columns of patches in each.
    width, ffn : int
        Hidden and feed-forward size of a block.
    matrices : int
        Of a block's feed-forward network.
    out : int
        Hidden size of the decoder.
    mergers : int
        Networks that project neighbouring patches, together, to the decoder.
    seen : callable, optional
        Number of a block -> sum of patches x keys over its attentions; by default those of whole frames.
    """
    frames, rows, columns = grid
    patches, merge = frames * rows * columns, vision["spatial_merge_size"] ** 2
    volume = vision["temporal_patch_size"] * vision["patch_size"] ** 2
    embedding = 2 * patches * width * vision.get("in_channels", 3) * volume
    whole = frames * (rows * columns) ** 2
    blocks = sum(
        block_flops(patches, seen(block) if seen else whole, width, ffn, matrices)
        for block in range(vision["depth"])
    )
    merger = 2 * (patches // merge) * ((width * merge) ** 2 + width * merge * out)
    flops: int = embedding + blocks + mergers * merger
    return flops
