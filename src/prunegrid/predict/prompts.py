"""From samples to model inputs: chat text, token ids, image features; each computed once per sample."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate.utils import send_to_device
from accelerate.utils.memory import clear_device_cache
from torch import Tensor, nn

from prunegrid.data.images import image_hash, joint_digest
from prunegrid.errors import ConfigError, PrunegridError
from prunegrid.predict.aspect import set_aspect
from prunegrid.predict.chat import adds_special_tokens, chat_text
from prunegrid.predict.feature_cache import FeatureCache
from prunegrid.predict.feature_store import FeatureStore
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.resized_images import resized, smaller_grid
from prunegrid.pruning.family import Features
from prunegrid.pruning.memory_errors import ran_out
from prunegrid.results.predictions import TOO_LARGE

if TYPE_CHECKING:
    from PIL import Image
    from transformers import BatchFeature

    from prunegrid.data.adapter import Sample
    from prunegrid.pruning.patch_grid import PatchGrid
    from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True)
class Prompt:
    """One sample ready for the model.

    Attributes
    ----------
    sample : Sample
        Where it comes from.
    text : str
        The exact text given to the processor.
    input_ids : Tensor
        (tokens,), int64; image placeholders expanded.
    grids : list of (int, int, int)
        What the vision tower runs on; see `prunegrid.pruning.patch_grid`.
    n_full_image_tokens : int
        Image tokens of its pictures at their own size, where they were made smaller; else 0.
    features : Features or None
        What the decoder is given of the sample's images, in main memory.
    error : str or None
        Why the sample cannot be run.
    """

    sample: Sample
    text: str = ""
    input_ids: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    grids: list[PatchGrid] = field(default_factory=list)
    n_full_image_tokens: int = 0
    features: Features | None = None
    error: str | None = None


@dataclass(frozen=True)
class Prepared:
    """One sample as the processor leaves it: a prompt without image features. No device was used for it.

    Attributes
    ----------
    prompt : Prompt
        What the processor made of text and picture.
    picture : str
        Hash of the picture, or of several together; empty where the prompt has an error.
    pixels : dict
        What the processor returned of it, or of them.
    """

    prompt: Prompt
    picture: str = ""
    pixels: dict[str, Tensor] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        """Size of the pixels."""
        return sum(value.nbytes for value in self.pixels.values() if isinstance(value, Tensor))

    def without_image(self) -> Prepared:
        """Return it without the decoded image, which is larger than what was made of it."""
        sample = replace(self.prompt.sample, image=None, more_images=())
        return replace(self, prompt=replace(self.prompt, sample=sample))


class PromptMaker:
    """Turns samples into prompts for one model.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    system_prompt : str
        `none` or `vicuna_v1`.
    image_mode : str
        `processor`, `crop` or `pad`.
    store : FeatureStore, optional
        Image features of earlier jobs.

    Raises
    ------
    ConfigError
        If the model's chat template does not take such a turn.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        system_prompt: str = "none",
        image_mode: str = "processor",
        store: FeatureStore | None = None,
    ) -> None:
        self._loaded, self._processor = loaded, loaded.processor
        self._system_prompt = system_prompt
        self._image_mode = image_mode
        self._features = FeatureCache(loaded, store=store)
        try:
            self.chat_text("?")
        except Exception as error:  # A template may raise anything.
            raise ConfigError(
                f"the model's chat template cannot render system_prompt {system_prompt!r}: {error}"
            ) from error

    def chat_text(self, text: str, n_images: int = 1) -> str:
        """Return the text of one user turn with its images, through the model's chat template."""
        return chat_text(self._processor, text, self._system_prompt, n_images)

    def prompts(self, samples: Iterable[Sample]) -> list[Prompt]:
        """Return one prompt per sample, in order; vision features are computed once per distinct picture."""
        return [self.with_features(self.prepared(sample)) for sample in samples]

    def keep_maps(self, maps: Iterable[VisionMap]) -> None:
        """Keep vision maps with the features that are computed from now on, for criteria that read them."""
        self._features.maps = tuple(sorted(set(maps)))

    def apart(self) -> PromptMaker:
        """Return one with a processor of its own, to prepare samples in another thread.

        Tokenizers change their own state, and refuse two threads at once.
        """
        other = copy.copy(self)
        other._processor = copy.deepcopy(self._processor)
        return other

    def prepared(self, sample: Sample, image_share: float | None = None) -> Prepared:
        """Return what the processor makes of a sample; without the model, on the CPU.

        Parameters
        ----------
        sample : Sample
            The sample.
        image_share : float, optional
            Share of their image tokens that its pictures are to have, made smaller.
        """
        images: Sequence[Image.Image] = sample.images
        n_full = 0
        if sample.error or not images:
            return Prepared(Prompt(sample, error=sample.error))
        text = self.chat_text(sample.prompt, len(images))
        try:
            shown = self._shown(images)
            if image_share is not None:
                shown, n_full = self._smaller(shown, text, image_share)
                images = shown
            inputs = self._processed(shown, text)
            ids = inputs.pop("input_ids")[0]
            self._check(ids)
            if n_full:
                self._check_share(ids, n_full, image_share)
            inputs.pop("attention_mask")
            grids = self._loaded.family.grids(self._loaded.model.config, inputs)
            picture = joint_digest([image_hash(image) for image in images])
            return Prepared(Prompt(sample, text, ids, grids, n_full), picture, dict(inputs))
        except (PrunegridError, ValueError, OSError) as error:
            return Prepared(Prompt(sample, text, error=f"{type(error).__name__}: {error}"))
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
        return Prepared(Prompt(sample, text, error=TOO_LARGE))

    def with_features(self, prepared: Prepared) -> Prompt:
        """Return the prompt with the features of its picture, which the vision tower computes if need be."""
        prompt = prepared.prompt
        if prompt.error is not None or not prepared.picture:
            return prompt
        try:
            return replace(prompt, features=self._features.of(prepared.picture, prepared.pixels))
        except (PrunegridError, ValueError, OSError) as error:
            return Prompt(prompt.sample, prompt.text, error=f"{type(error).__name__}: {error}")
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
        clear_device_cache(garbage_collection=True)
        return Prompt(prompt.sample, prompt.text, error=TOO_LARGE)

    def n_tokens(self, sample: Sample) -> int | None:
        """Return the tokens of a sample's prompt, None if none can be made; the model does not run."""
        if sample.error or not sample.images:
            return None
        try:
            text = self.chat_text(sample.prompt, len(sample.images))
            return int(self.process(sample.images, text)["input_ids"].shape[1])
        except (PrunegridError, ValueError, OSError):
            return None

    def n_text_tokens(self, text: str) -> int:
        """Return the tokens of a text by itself."""
        return len(self._processor.tokenizer(text, add_special_tokens=False).input_ids)

    def process(self, images: Sequence[Image.Image], text: str) -> BatchFeature:
        """Return token ids and pixels that the processor makes of pictures and a text with their places."""
        return self._processed(self._shown(images), text)

    def _shown(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        mean = self._processor.image_processor.image_mean
        return [set_aspect(image, self._image_mode, mean) for image in images]

    def _processed(self, shown: Sequence[Image.Image], text: str) -> BatchFeature:
        processor = self._processor
        inputs: BatchFeature = processor(
            # A list of lists: some processors take a list for one picture a text.
            images=shown[0] if len(shown) == 1 else [shown],
            text=text,
            add_special_tokens=adds_special_tokens(processor.tokenizer, text),
            return_tensors="pt",
        )
        return inputs

    def _smaller(
        self, shown: Sequence[Image.Image], text: str, share: float
    ) -> tuple[list[Image.Image], int]:
        """Return pictures of a share of their image tokens, and how many they have at their own size."""
        family, config = self._loaded.family, self._loaded.model.config
        side = family.token_side(config.to_dict())
        grids = family.token_grids(self._loaded.model, self._processed(shown, text), 0)
        smaller = [
            resized(image, *smaller_grid(grid.rows, grid.columns, share), side)
            for image, grid in zip(shown, grids, strict=True)
        ]
        return smaller, sum(grid.rows * grid.columns for grid in grids)

    def _check_share(self, ids: Tensor, n_full: int, share: float | None) -> None:
        n_image = int((ids == self._loaded.family.image_token_id(self._loaded.model.config)).sum())
        if share is not None and n_image > share * n_full + 1e-6:
            raise PrunegridError(
                f"smaller pictures are to have {share:.3f} of their {n_full} image tokens, but the processor "
                f"made {n_image}: it enlarges pictures below a size of its own (min_pixels, shortest_edge)"
            )

    def _check(self, ids: Tensor) -> None:
        # Beyond its positions a model answers something, too.
        context = getattr(self._loaded.model.config.get_text_config(), "max_position_embeddings", None)
        if context is not None and len(ids) > context:
            raise PrunegridError(
                f"the prompt has {len(ids)} tokens, the model's context (max_position_embeddings) {context}"
            )
        image = ids == self._loaded.family.image_token_id(self._loaded.model.config)
        if bool(image[-1]):
            raise PrunegridError("no text after the image")


@dataclass(frozen=True)
class Batch:
    """Prompts padded on the left.

    Attributes
    ----------
    prompts : list of Prompt
        The rows.
    inputs : dict
        Arguments of `generate`: input_ids and attention_mask (batch, tokens), and the image features.
    """

    prompts: list[Prompt]
    inputs: dict[str, Any]

    def image_tokens(self, image_token_id: int) -> list[int]:
        """Return how many image tokens each prompt has."""
        return [int((prompt.input_ids == image_token_id).sum()) for prompt in self.prompts]


def collate(prompts: Sequence[Prompt], loaded: LoadedModel) -> Batch:
    """Pad prompts on the left and put them on the model's device."""
    device = cast(nn.Embedding, loaded.model.get_input_embeddings()).weight.device
    width = max(len(prompt.input_ids) for prompt in prompts)
    pad = loaded.processor.tokenizer.pad_token_id
    ids = torch.full((len(prompts), width), pad or 0, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        start = width - len(prompt.input_ids)
        ids[row, start:] = prompt.input_ids
        mask[row, start:] = 1
    features = [
        Features(send_to_device(one.images, device), send_to_device(one.beside, device))
        for one in (cast(Features, prompt.features) for prompt in prompts)
    ]
    inputs = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
    images = loaded.family.feature_inputs(loaded.model, features, inputs["input_ids"])
    return Batch(list(prompts), {**inputs, **images})
