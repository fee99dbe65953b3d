"""FLOPs of plain vision transformers: CLIP, SigLIP, InternViT. Imports no torch.

Counted as `prunegrid.cost.ledger` counts: 2 per multiply-accumulate, matrix products and convolutions only.
"""

from prunegrid.pruning.patch_grid import Config, PatchGrid, pair


def has_class_token(vision: Config) -> bool:
    """Return whether a tower that LLaVA is built on adds a class token to the patches of each tile."""
    return bool(vision["model_type"] == "clip_vision_model")


def block_flops(tokens: int, seen: int, width: int, ffn: int, matrices: int = 2) -> int:
    """Return the FLOPs of one transformer block.

    Parameters
    ----------
    tokens : int
        Tokens it computes on.
    seen : int
        Sum of tokens x keys over its attentions.
    width, ffn : int
        Hidden and feed-forward size.
    matrices : int
        Of the feed-forward network.
    """
    return 2 * tokens * (4 * width**2 + matrices * width * ffn) + 4 * width * seen


def vit_flops(vision: Config, grid: PatchGrid, *, class_token: bool) -> int:
    """Return the FLOPs of patch embedding and blocks.

    Parameters
    ----------
    vision : mapping
        The model's `vision_config`.
    grid : (int, int, int)
        Tiles, rows and columns of patches in each.
    class_token : bool
        Each tile has a token beside its patches.
    """
    tiles, rows, columns = grid
    patches, width, ffn = rows * columns, vision["hidden_size"], vision["intermediate_size"]
    high, wide = pair(vision["patch_size"])
    tokens = patches + class_token
    embedding = 2 * patches * width * vision.get("num_channels", 3) * high * wide
    blocks = vision["num_hidden_layers"] * block_flops(tokens, tokens**2, width, ffn)
    flops: int = tiles * (embedding + blocks)
    return flops


def pooling_head_flops(vision: Config, grid: PatchGrid) -> int:
    """Return the FLOPs of SigLIP's pooling head, whose output is unused; 0 without one."""
    if vision["model_type"] != "siglip_vision_model" or not vision.get("vision_use_head", True):
        return 0
    tiles, rows, columns = grid
    tokens, width = rows * columns, vision["hidden_size"]
    projections = 2 * (2 * tokens + 2) * width**2
    flops: int = tiles * (projections + 4 * tokens * width + 4 * width * vision["intermediate_size"])
    return flops
