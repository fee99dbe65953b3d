"""How many image tokens a picture becomes, and what the vision tower runs on for that. Imports no torch."""

from math import isqrt

from prunegrid.cost.vision import Config, PatchGrid, default_grid
from prunegrid.errors import PruningError


def tile_tokens(config: Config) -> int | None:
    """Return the image tokens of one tile of the tower's own size, None where tiles have no own size."""
    kind = config["model_type"]
    if kind == "gemma3":
        return config["mm_tokens_per_image"]
    if "image_size" not in config["vision_config"]:
        return None
    _, rows, columns = default_grid(config)
    patches = rows * columns
    if kind == "internvl":
        return round(patches * config["downsample_ratio"] ** 2)
    if kind in ("idefics3", "smolvlm"):
        return patches // config["scale_factor"] ** 2
    class_token = config["vision_config"]["model_type"] == "clip_vision_model"
    return patches + class_token - (config["vision_feature_select_strategy"] == "default")


def default_image_tokens(config: Config) -> int:
    """Return the image tokens of one picture, where every picture has as many.

    Raises
    ------
    PruningError
        If they depend on the picture.
    """
    kind, tile = config["model_type"], tile_tokens(config)
    # Other families cut a picture into tiles, or take it at its own size.
    if kind not in ("llava", "gemma3") or tile is None:
        hint = "" if tile is None else f" ({tile} a tile)"
        raise PruningError(f"image tokens of a {kind!r} model depend on the picture{hint}: give image_tokens")
    return tile


def assumed_grids(config: Config, image_tokens: int) -> list[PatchGrid]:
    """Return what a tower ran on that gave so many image tokens, if it was whole tiles or a square."""
    tile = tile_tokens(config)
    if tile is not None:
        # Newlines and unpadding make a sample's tokens a little more or less than its tiles'.
        return [(max(1, round(image_tokens / tile)), *default_grid(config)[1:])]
    merge, side = config["vision_config"]["spatial_merge_size"], isqrt(image_tokens)
    return [(1, side * merge, -(-image_tokens // side) * merge)]
