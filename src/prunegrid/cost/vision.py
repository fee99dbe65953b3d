"""FLOPs of a sample's images in vision tower and projector, as the model's family counts them.

Imports no torch.
"""

from collections.abc import Sequence

from prunegrid.pruning.families import family_of
from prunegrid.pruning.patch_grid import Config, PatchGrid


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
    PruningError
        If its `model_type` is not supported.
    """
    family = family_of(config["model_type"])
    return sum(family.vision_flops(config, grid) for grid in grids)
