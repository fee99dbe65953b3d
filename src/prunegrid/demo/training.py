"""Train the demo model from scratch, in phases that are resumed from their checkpoints."""

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from prunegrid.demo.architecture import build_model, build_processor
from prunegrid.demo.language import LANGUAGE, LIST, RELATE, REVIEW, train_language
from prunegrid.demo.phase import Run, phase_seconds
from prunegrid.demo.projector import align_projector, align_tower, equalise_norms
from prunegrid.demo.tower_phase import train_tower
from prunegrid.demo.turns import corpus


@dataclass(frozen=True)
class Recipe:
    """Seed, and optimizer steps of each phase."""

    seed: int = 0
    tower_steps: int = 700
    projector_steps: int = 2500
    alignment_steps: int = 60
    language_steps: int = 1500
    review_steps: int = 1200
    norm_steps: int = 2500
    relation_steps: int = 3500
    list_steps: int = 1200


def train_demo_model(
    folder: str | Path,
    recipe: Recipe | None = None,
    threads: int = 2,
) -> None:
    """Train the demo model from scratch and write it to `folder`/model in the hub's layout.

    Checkpoints lie in `folder`/checkpoints; a run that was killed goes on from them.
    """
    recipe = recipe or Recipe()
    folder = Path(folder)
    run = Run(recipe.seed, folder / "checkpoints")
    torch.set_num_threads(threads)
    processor, model = untrained(recipe.seed)
    images = processor.image_processor
    tower = model.model.vision_tower
    train_tower(tower, recipe.tower_steps, run, images.image_mean, images.image_std)
    align_projector(model, processor, recipe.projector_steps, run)
    align_tower(model, processor, recipe.alignment_steps, run)
    train_language(model, processor, LANGUAGE, recipe.language_steps, run)
    train_language(model, processor, REVIEW, recipe.review_steps, run)
    equalise_norms(model, processor, recipe.norm_steps, run)
    train_language(model, processor, RELATE, recipe.relation_steps, run)
    train_language(model, processor, LIST, recipe.list_steps, run)
    export(model, processor, folder / "model")
    phases = ("tower", "projector", "alignment", "language", "review", "norms", "relations", "lists")
    seconds = {name: phase_seconds(run.folder, name) for name in phases}
    (folder / "training.json").write_text(
        json.dumps({"recipe": asdict(recipe), "seconds": seconds}, indent=2)
    )


def untrained(seed: int) -> tuple[LlavaProcessor, LlavaForConditionalGeneration]:
    """Return the processor and the model before training."""
    processor = build_processor(corpus(seed))
    torch.manual_seed(seed)
    return processor, build_model(processor)


def export(model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path) -> None:
    """Write model and processor as a hub repository holds them; other files of `folder` stay."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        model.save_pretrained(scratch)
        processor.save_pretrained(scratch)
        for path in sorted(Path(scratch).iterdir()):
            shutil.move(path, folder / path.name)
