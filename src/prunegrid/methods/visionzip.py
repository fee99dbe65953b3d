"""VisionZip (arXiv 2412.04467)."""

from typing import Any, ClassVar

from prunegrid.study.class_token_method import ClassTokenMethod


class VisionZip(ClassTokenMethod):
    """Before layer 0 dominant tokens by [CLS] attention stay, and contextual ones that gather the others."""

    title = "VisionZip"
    paper = "arXiv 2412.04467"
    repository = "github.com/dvlab-research/VisionZip"
    commit = "3151f6d"
    strategy = "input"
    criterion = "visionzip"
    criterion_options: ClassVar[dict[str, Any]] = {"merge": "weighted"}
    exact = (
        "The score (of the penultimate tower layer), which tokens are contextual, which of them each dropped "
        "token goes to by head-mean keys, what is joined, before the projector, and 5 of 32 tokens "
        "contextual, as in the paper's 54 + 10."
    )
    differs = (
        "The published code keeps the class token within the budget: no image token of these models, its "
        "place goes to one more dominant token. Contextual tokens stand at their own places, there behind "
        "the dominant ones. Tiles of a picture are one pool, there each tile has a budget of its own."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
