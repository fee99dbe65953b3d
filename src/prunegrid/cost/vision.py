"""What a vision tower and its projector cost per image, analytically. Imports no torch.

Counted as `prunegrid.cost.ledger` counts: 2 per multiply-accumulate, matrix products and convolutions only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Config = Mapping[str, Any]
# What the tower ran on for one image: tiles (or frames), rows and columns of patches in each.
PatchGrid = tuple[int, int, int]


def vision_flops(config: Config, grids: Sequence[PatchGrid]) -> int:
    """Return the FLOPs of tower and projector for the images of one sample.

    Parameters
    ----------
    config : mapping
        The model's whole configuration, as `model.config.to_dict()` gives it.
    grids : sequence of (int, int, int)
        Per image: tiles or frames, rows and columns of patches.

    Raises
    ------
    KeyError
        If the ledger does not know the `model_type`.
    """
    count = _COUNTS[config["model_type"]]
    return sum(count(config, grid) for grid in grids)


def default_grid(config: Config) -> PatchGrid:
    """Return the grid of a whole image at the tower's own size: one tile.

    Raises
    ------
    KeyError
        If images have no size of their own (Qwen's towers take any).
    """
    vision = config["vision_config"]
    height, width = _pair(vision["image_size"])
    rows, columns = _pair(vision["patch_size"])
    return 1, height // rows, width // columns


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _blocks(tokens: int, seen: int, width: int, ffn: int, matrices: int = 2) -> int:
    """Return the FLOPs of one transformer block: `seen` is the sum of tokens x keys over its attentions."""
    return 2 * tokens * (4 * width**2 + matrices * width * ffn) + 4 * width * seen


def _vit(vision: Config, grid: PatchGrid, class_token: bool) -> int:
    """Return the FLOPs of a plain vision transformer: CLIP, SigLIP, InternViT."""
    tiles, rows, columns = grid
    patches, width, ffn = rows * columns, vision["hidden_size"], vision["intermediate_size"]
    high, wide = _pair(vision["patch_size"])
    tokens = patches + class_token
    embedding = 2 * patches * width * vision.get("num_channels", 3) * high * wide
    blocks = vision["num_hidden_layers"] * _blocks(tokens, tokens**2, width, ffn)
    return tiles * (embedding + blocks)


def _pooling_head(vision: Config, grid: PatchGrid) -> int:
    """Return the FLOPs of SigLIP's pooling head, which runs though nobody reads it."""
    if vision["model_type"] != "siglip_vision_model" or not vision.get("vision_use_head", True):
        return 0
    tiles, rows, columns = grid
    tokens, width = rows * columns, vision["hidden_size"]
    projections = 2 * (2 * tokens + 2) * width**2
    return tiles * (projections + 4 * tokens * width + 4 * width * vision["intermediate_size"])


def _llava(config: Config, grid: PatchGrid) -> int:
    vision, width = config["vision_config"], config["text_config"]["hidden_size"]
    tiles, rows, columns = grid
    class_token = vision["model_type"] == "clip_vision_model"
    layers = config["vision_feature_layer"]
    features = vision["hidden_size"] * (len(layers) if isinstance(layers, list | tuple) else 1)
    whole = class_token and config["vision_feature_select_strategy"] == "full"
    projected = tiles * (rows * columns + whole)
    tower = _vit(vision, grid, class_token) + _pooling_head(vision, grid)
    return tower + 2 * projected * (features * width + width**2)


def _internvl(config: Config, grid: PatchGrid) -> int:
    vision, width = config["vision_config"], config["text_config"]["hidden_size"]
    tiles, rows, columns = grid
    merged = round(1 / config["downsample_ratio"]) ** 2
    projected = tiles * rows * columns // merged
    projector = 2 * projected * (vision["hidden_size"] * merged * width + width**2)
    return _vit(vision, grid, class_token=True) + projector


def _idefics3(config: Config, grid: PatchGrid) -> int:
    vision, width = config["vision_config"], config["text_config"]["hidden_size"]
    # s x s patches become one token of s x s times the width: the product is the same without s.
    patches = grid[0] * grid[1] * grid[2]
    return _vit(vision, grid, class_token=False) + 2 * patches * vision["hidden_size"] * width


def _gemma3(config: Config, grid: PatchGrid) -> int:
    vision, width = config["vision_config"], config["text_config"]["hidden_size"]
    projected = grid[0] * config["mm_tokens_per_image"]
    tower = _vit(vision, grid, class_token=False) + _pooling_head(vision, grid)
    return tower + 2 * projected * vision["hidden_size"] * width


def _qwen(width: int, ffn: int, matrices: int, out: int, mergers: int) -> Callable[[Config, PatchGrid], int]:
    """Return the count of a Qwen tower of these shapes; frames and windows do not see each other."""

    def count(vision: Config, grid: PatchGrid) -> int:
        frames, rows, columns = grid
        patches, merge = frames * rows * columns, vision["spatial_merge_size"] ** 2
        volume = vision["temporal_patch_size"] * vision["patch_size"] ** 2
        embedding = 2 * patches * width * vision.get("in_channels", 3) * volume
        whole = frames * (rows * columns) ** 2
        full_blocks = vision.get("fullatt_block_indexes")
        blocks = sum(
            _blocks(
                patches,
                whole if full_blocks is None or block in full_blocks else frames * _windows(vision, grid),
                width,
                ffn,
                matrices,
            )
            for block in range(vision["depth"])
        )
        merger = 2 * (patches // merge) * ((width * merge) ** 2 + width * merge * out)
        return embedding + blocks + mergers * merger

    return count


def _windows(vision: Config, grid: PatchGrid) -> int:
    """Return the sum of squared window sizes, in patches, of one frame (Qwen2.5-VL)."""
    merge = vision["spatial_merge_size"]
    side = vision["window_size"] // merge // vision["patch_size"]

    def parts(length: int) -> list[int]:
        return [min(side, length - start) for start in range(0, length, side)]

    return sum(
        (row * column * merge**2) ** 2
        for row in parts(grid[1] // merge)
        for column in parts(grid[2] // merge)
    )


def _qwen2_vl(config: Config, grid: PatchGrid) -> int:
    vision = config["vision_config"]
    width = vision["embed_dim"]
    return _qwen(width, int(width * vision["mlp_ratio"]), 2, vision["hidden_size"], 1)(vision, grid)


def _qwen2_5_vl(config: Config, grid: PatchGrid) -> int:
    vision = config["vision_config"]
    shapes = vision["hidden_size"], vision["intermediate_size"], 3, vision["out_hidden_size"], 1
    return _qwen(*shapes)(vision, grid)


def _qwen3_vl(config: Config, grid: PatchGrid) -> int:
    vision = config["vision_config"]
    mergers = 1 + len(vision["deepstack_visual_indexes"])
    shapes = vision["hidden_size"], vision["intermediate_size"], 2, vision["out_hidden_size"], mergers
    return _qwen(*shapes)(vision, grid)


_COUNTS: dict[str, Callable[[Config, PatchGrid], int]] = {
    "llava": _llava,
    "llava_next": _llava,
    "llava_onevision": _llava,
    "internvl": _internvl,
    "idefics3": _idefics3,
    "smolvlm": _idefics3,
    "gemma3": _gemma3,
    "qwen2_vl": _qwen2_vl,
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
}
