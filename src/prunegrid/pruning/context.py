"""The engine: a context in which a model drops image tokens between its decoder layers.

Hooks on the model and its decoder layers do the work; no source of a model is copied or patched, and
nothing is left of them after the context. Pruning happens once, in the prefill: layers from a cut on
cache the kept tokens only, so caches differ in length by layer.
"""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from numbers import Integral, Real
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from prunegrid.errors import ConfigError, PruningError
from prunegrid.option_types import field_types, option_faults
from prunegrid.plugins import Plugin, build, name_of
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.cutting import Cutter
from prunegrid.pruning.families import family_of
from prunegrid.pruning.generate_settings import check_generation, settings_of
from prunegrid.pruning.gradient_scores import GradientScores
from prunegrid.pruning.kept_tokens import KeptTokens, RowCuts
from prunegrid.pruning.layer_hooks import LayerHooks, restore
from prunegrid.pruning.moved_up import MovedUp
from prunegrid.pruning.patch_grid import PatchGrid
from prunegrid.pruning.prefill import Prefill, RowMaps, Saliencies, cuts_of
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.prompt_tokens import PromptTokens
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import CONTIGUOUS, Strategy
from prunegrid.pruning.token_layout import Layout
from prunegrid.pruning.tower import TowerWatch

# Prompt lengths that `repr` lists.
_MOST_ROWS = 3
# Attribute of a model while a context changes what it does: a text of what happens to it.
HOOKED = "prunegrid_hooked"
_Base = TypeVar("_Base", bound=Plugin)


@contextmanager
def prune(
    model: PreTrainedModel,
    strategy: Strategy | str,
    criterion: Criterion | str = "attention",
    ratio: float | None = None,
    seed: int = 0,
    *,
    strategy_options: dict[str, Any] | None = None,
    criterion_options: dict[str, Any] | None = None,
    sample_ids: Sequence[str] | None = None,
    saliencies: Saliencies | None = None,
) -> Iterator[Pruning]:
    """Prune the image tokens of every prefill within the context.

    Parameters
    ----------
    model : PreTrainedModel
        An image-text-to-text model of a supported family, on any device, in any dtype.
    strategy : Strategy or str
        At which layers tokens are dropped, and how many: an instance, or a plug-in's name.
    criterion : Criterion or str
        Which tokens stay, likewise.
    ratio : float, optional
        Share of the image-token work in the decoder that is removed: 1 - mean over layers of a_l.
    seed : int
        Seed of random schedules and random orders.
    strategy_options, criterion_options : dict, optional
        Options of plug-ins given by name; an instance has its own.
    sample_ids : sequence of str, optional
        One per batch row, for random orders; by default the row numbers. May be changed between calls
        through `Pruning.sample_ids`.
    saliencies : mutable mapping, optional
        Where gradient scores are kept between calls: (sample id, rank, answer tokens) -> scores
        (layers, N) and the number of answer tokens explained.

    Yields
    ------
    Pruning
        Tells the schedule and the kept tokens of the last prefill.

    Raises
    ------
    PruningError
        If the model or an input cannot be pruned as asked.
    ConfigError
        If a plug-in or an option is unknown, or options stand beside an instance.

    Examples
    --------
    >>> from prunegrid.criteria import Norm
    >>> from prunegrid.strategies import Hierarchical
    >>> with prunegrid.prune(model, Hierarchical(layers=(2, 8)), Norm(), ratio=0.75) as pruning:
    ...     output = model.generate(**inputs, max_new_tokens=16)

    The same by name, as a configuration says it:

    >>> with prunegrid.prune(
    ...     model, "hierarchical", "norm", ratio=0.75, strategy_options={"layers": [2, 8]}
    ... ) as pruning:
    ...     output = model.generate(**inputs, max_new_tokens=16)
    >>> pruning.kept[0]
    [(2, [0, 3, ...]), (8, [3, 17, ...])]
    """
    how = _built("strategies", Strategy, strategy, strategy_options)
    ranking = _built("criteria", Criterion, criterion, criterion_options)
    pruning = Pruning(model, how, ranking, ratio, seed, sample_ids, saliencies)
    with pruning.hooked():
        yield pruning


def _built(kind: str, base: type[_Base], given: str | _Base, options: dict[str, Any] | None) -> _Base:
    """Return a plug-in that is given by name, or as an instance."""
    if isinstance(given, str):
        named: _Base = build(kind, given, options)
        return named
    word = base.__name__.lower()
    if not isinstance(given, base):
        raise ConfigError(
            f"{given!r} is no {word}: give the name of one, or an instance of a class that derives from "
            f"prunegrid.{base.__name__}"
        )
    for key, fault in option_faults(vars(given), field_types(given)).items():
        raise ConfigError(f"{given!r}: {key}: {fault}")
    if options:
        raise ConfigError(
            f"{word}_options={options!r} are for a {word} that is given by name: {given!r} has its options"
        )
    return given


def _check(model: Any, ratio: Any, seed: Any) -> None:
    """Refuse arguments of types that would fail later, or count for something else."""
    if not isinstance(model, PreTrainedModel):
        raise PruningError(
            f"model: {type(model).__name__} is no transformers model: give the model itself, not its name "
            "nor what wraps it (torch.compile, DataParallel, PEFT, a pipeline)"
        )
    if ratio is not None and (isinstance(ratio, bool) or not isinstance(ratio, Real)):
        raise PruningError(f"ratio: {ratio!r} is no number")
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise PruningError(f"seed: {seed!r} is no whole number")


def _check_asked(inputs: Mapping[str, Any]) -> None:
    """Refuse what counts the tokens of the whole prompt: logits are those of the tokens that stay."""
    if inputs.get("labels") is not None:
        raise PruningError(
            "labels: the logits of a pruned prompt are those of the tokens that stay, fewer than the labels: "
            "leave labels out, and take the loss of the last logits, which are those of the text"
        )
    if isinstance(inputs.get("logits_to_keep"), Tensor):
        raise PruningError(
            "logits_to_keep: a tensor counts the tokens of the whole prompt: give the number of last logits"
        )


@contextmanager
def _refused(model: Any, method: str) -> Iterator[None]:
    """Let a method of a model raise: it runs the model in a way that cannot be pruned."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise PruningError(
            f"{method} cannot be pruned: continuous batching packs prompts and keeps their keys in pages; "
            "use generate"
        )

    before = vars(model).get(method)
    setattr(model, method, refuse)
    try:
        yield
    finally:
        restore(model, method, before)


class Pruning:
    """State of a `prune` context.

    Attributes
    ----------
    schedule : list of list of (int, int)
        Of the last prefill, per batch row: (layer, image tokens kept).
    n_image_tokens : list of int
        N per batch row of the last prefill.
    explained : list of int
        Likewise: how many tokens of the unpruned answer a gradient was taken of, 0 without one.
    grids : list of (int, int, int)
        Likewise, per picture: tiles, rows and columns of the patches that the vision tower ran on. Empty
        where the model was given features, not pixels.
    sample_ids : sequence of str or None
        Names of the rows of the next prefill.
    vision : sequence of mapping, or None
        Per row of the next prefill, where the model is given features in place of pixels: name of a vision
        map -> Tensor (N, ...), float32; see `prunegrid.pruning.family.Features`.
    vision_maps : tuple of VisionMap
        What the criterion reads of the vision tower.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        strategy: Strategy,
        criterion: Criterion,
        ratio: float | None,
        seed: int,
        sample_ids: Sequence[str] | None = None,
        saliencies: Saliencies | None = None,
    ) -> None:
        _check(model, ratio, seed)
        if strategy.resizes_images:
            raise PruningError(
                f"strategy {name_of(strategy)!r} makes pictures smaller before the processor is given them: "
                "give it smaller ones, and the model as it is"
            )
        family = self._family = family_of(model.config.model_type)
        self.model = model
        self.strategy = strategy
        self.criterion = criterion
        self.ratio = None if ratio is None else float(ratio)
        self.seed = int(seed)
        self.sample_ids = sample_ids
        self.schedule: list[list[tuple[int, int]]] = []
        self.n_image_tokens: list[int] = []
        self.explained: list[int] = []
        self.grids: list[PatchGrid] = []
        try:
            self._layers = family.layers(model)
        except AttributeError as error:
            raise PruningError(
                f"{type(model).__name__} is a part of a model ({error}): give the whole one, as "
                "AutoModelForImageTextToText loads it"
            ) from error
        self._image_token_id = family.image_token_id(model.config)
        self._solved: dict[int | None, Schedule] = {}
        # Positions in three dimensions are the picture's.
        self._moves_up = strategy.positions == CONTIGUOUS and not family.multimodal_positions
        # Solved now, so that a ratio out of reach raises before the first batch.
        self._schedule = self._schedule_for(None)
        # So does a criterion that cannot score as early as that.
        rankings = criterion.rankings(self._schedule) if strategy.ranks else {}
        gradients = GradientScores(model, self._layers, saliencies)
        self.vision: Sequence[RowMaps] | None = None
        self.vision_maps = tuple(
            sorted({one for ranking in rankings.values() for one in ranking.criterion.vision_maps()})
        )
        self._tower = TowerWatch(family, model, self.vision_maps) if self.vision_maps else None
        cutter = Cutter(criterion, self._schedule, self.seed, gradients, self._project)
        self._hooks = LayerHooks(family, model, cutter)
        # Rows that `generate` makes of one sample: beams, returned sequences.
        self._copies = 1
        self._kept = KeptTokens(0)
        # Of the pictures that `generate` was given: it hands the model their features.
        self._grids_before: list[PatchGrid] = []
        self._pixels_before: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        by = f"{self.strategy!r} x {self.criterion!r}" if self.strategy.ranks else repr(self.strategy)
        rows = Counter(
            ", ".join([f"{n} image tokens", *(f"{keep} from layer {layer}" for layer, keep in cuts)])
            for n, cuts in zip(self.n_image_tokens, self.schedule, strict=True)
        )
        last = "; ".join(f"{count} row(s) of {row}" for row, count in rows.most_common(_MOST_ROWS))
        more = f"; and {len(rows) - _MOST_ROWS} other lengths" if len(rows) > _MOST_ROWS else ""
        return f"<Pruning {by}, ratio {self.ratio}, last prefill: {last or 'none'}{more}>"

    @property
    def kept(self) -> list[RowCuts]:
        """Of the last prefill, per batch row: (layer, original image-token numbers, ascending)."""
        return self._kept.rows

    @property
    def ties(self) -> list[list[bool]]:
        """Of the last prefill, per batch row and cut by scores: whether it fell on a tie.

        Then the last kept token and the first dropped one have the same score, and their order in the prompt
        decides. Set rules and `merge: recycle` have no such boundary: their cuts are not listed.
        """
        return self._kept.ties

    def decisions(self, counts: Sequence[int]) -> list[Hashable]:
        """Return what is done before each layer, None for nothing, to prompts of so many image tokens.

        Prefills of one batch that decide alike up to some layer are the same up to there.
        """
        found: list[Hashable] = [None] * len(self._layers)
        schedules = [self._schedule_for(count) for count in counts]
        for layer, keep in cuts_of(schedules, counts).items():
            ranking: Hashable = None
            if any(keep):
                part = self.criterion.ranking(layer, self._schedule)
                ranking = (part.criterion.identity, part.reverse, part.merge, self.seed)
            found[layer] = (tuple(keep), ranking, self._moves_up)
        return found

    def _project(self, inputs: Tensor) -> Tensor:
        projector = self._family.projector(self.model)
        weight = next(projector.parameters())
        projected: Tensor = projector(inputs.to(weight.device, weight.dtype))
        return projected

    @contextmanager
    def hooked(self, sharing: PrefixSharing | None = None) -> Iterator[None]:
        """Keep hooks on the model for the time of the context.

        Parameters
        ----------
        sharing : PrefixSharing, optional
            Layers that prefills of one batch take over from one another: the only prompt within the context
            is that batch.
        """
        if HOOKED in vars(self.model):
            raise PruningError(f"this model {vars(self.model)[HOOKED]} already: prune contexts do not nest")
        with ExitStack() as stack:
            vars(self.model)[HOOKED] = "is being pruned"
            stack.callback(vars(self.model).pop, HOOKED)
            handle = self.model.register_forward_pre_hook(self._enter_model, with_kwargs=True)
            stack.callback(handle.remove)
            # Of a prefill that an error ended.
            stack.callback(lambda: self._kept.settle())
            if self._tower is not None:
                stack.enter_context(self._tower.watching())
            stack.enter_context(self._hooks.hooked(self.model, self.strategy.ranks, sharing))
            if hasattr(self.model, "init_continuous_batching"):
                stack.enter_context(_refused(self.model, "init_continuous_batching"))
            if hasattr(self.model, "generate"):
                stack.callback(restore, self.model, "generate", vars(self.model).get("generate"))
                # `generate` is a method of some models only, and is put back as one.
                model: Any = self.model
                model.generate = self._checked(model.generate)
            yield

    def _checked(self, generate: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap `generate`: what its settings do to a prompt cannot be seen from within the model."""

        @functools.wraps(generate)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not self._hooks.disabled:
                self._copies = check_generation(settings_of(self.model, *args, **kwargs))
                self._grids_before = self._family.batch_grids(self.model.config, kwargs)
                self._pixels_before = kwargs if kwargs.get("pixel_values") is not None else None
            try:
                return generate(*args, **kwargs)
            finally:
                self._copies, self._grids_before, self._pixels_before = 1, [], None

        return checked

    def _schedule_for(self, n_tokens: int | None) -> Schedule:
        if n_tokens not in self._solved:
            self._solved[n_tokens] = self.strategy.schedule_for(
                self.ratio, len(self._layers), seed=self.seed, n_tokens=n_tokens or None
            )
        return self._solved[n_tokens]

    # --- the prompt -----------------------------------------------------------------------------

    def _enter_model(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Read a prompt's image span before the model runs it."""
        if self._hooks.disabled:
            return
        inputs = kwargs
        if args:
            inputs = inspect.signature(model.forward).bind(*args, **kwargs).arguments
            inputs = {**inputs.pop("kwargs", {}), **inputs}
        cache = inputs.get("past_key_values")
        ids = inputs.get("input_ids")
        if cache is not None and cache.get_seq_length() > 0:
            # A single token may be the image's by the model's own choice.
            if ids is not None and ids.shape[1] > 1 and bool((ids == self._image_token_id).any()):
                raise PruningError(
                    "a prompt in pieces cannot be pruned: its image tokens came after the first piece "
                    "(turn chunked prefill off)"
                )
            return
        if cache is not None and not isinstance(cache, DynamicCache):
            raise PruningError(
                f"a {type(cache).__name__} cannot hold layers of different lengths: use a DynamicCache"
            )
        if ids is None:
            raise PruningError("pruning needs input_ids: the image tokens are found by their id")
        mask = inputs.get("attention_mask")
        if mask is not None and (not isinstance(mask, Tensor) or mask.dim() != 2):
            found = f"shape {tuple(mask.shape)}" if isinstance(mask, Tensor) else type(mask).__name__
            raise PruningError(f"attention_mask must be (batch, tokens), got {found}")
        valid = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        run = self._read_prompt(ids, valid, inputs)
        if run.cuts:
            _check_asked(inputs)
        self._hooks.pending = run

    def _read_prompt(self, ids: Tensor, valid: Tensor, inputs: dict[str, Any]) -> Prefill:
        tokens = PromptTokens.read(ids, valid, self._image_token_id)
        counts = tokens.n_image
        sample_ids = self._names(len(ids))
        if any(tokens.ends_in_image):
            rows = [name for name, ends in zip(sample_ids, tokens.ends_in_image, strict=True) if ends]
            raise PruningError(f"no text after the image in sample {', '.join(map(repr, rows))}")
        schedules = [self._schedule_for(count) for count in counts]
        self.n_image_tokens = counts
        self.schedule = [
            schedule.counts(count) if count else [] for schedule, count in zip(schedules, counts, strict=True)
        ]
        before = [grid for grid in self._grids_before for _ in range(self._copies)]
        self.grids = self._family.batch_grids(self.model.config, inputs) or before
        # Not its cache: a prefill is held for as long as its cache is alive, which would then be for ever.
        held = {name: value for name, value in inputs.items() if name != "past_key_values"}
        run = Prefill(held, tokens, Layout.whole(valid, tokens.lengths), schedules, sample_ids)
        if self.vision_maps:
            run.vision_maps = functools.partial(self._vision_rows, counts, inputs, self._pixels_before)
        if self._moves_up and run.cuts:
            run.moved_up = MovedUp(valid)
        self._kept, self.explained = run.kept, run.explained
        return run

    def _vision_rows(
        self, counts: Sequence[int], inputs: Mapping[str, Any], pixels_before: Mapping[str, Any] | None
    ) -> list[RowMaps]:
        """Return the vision maps of each row of a prompt; the beams of a sample share its own."""
        copies = self._copies
        if self.vision is not None:
            return [row for row in self.vision for _ in range(copies)]
        assert self._tower is not None  # there are maps
        pixels = inputs if inputs.get("pixel_values") is not None else pixels_before
        if pixels is None:
            raise PruningError(
                "the vision tower has not run: a criterion that reads it needs pixels, or `vision` beside "
                "features"
            )
        # `generate` repeats prompts and features, not pixels.
        once = counts if pixels is inputs else counts[::copies]
        found = self._tower.over_tokens(pixels)
        for name, over_tokens in found.items():
            if len(over_tokens) != sum(once):
                raise PruningError(
                    f"vision map {name} is over {len(over_tokens)} image tokens, the prompts have {sum(once)}"
                )
        parts = {name: over_tokens.split(list(once)) for name, over_tokens in found.items()}
        rows: list[RowMaps] = [{name: part[row] for name, part in parts.items()} for row in range(len(once))]
        return rows if pixels is inputs else [row for row in rows for _ in range(copies)]

    def _names(self, batch: int) -> list[str]:
        """Return one name per row; the beams of a sample share its name, hence its kept tokens."""
        samples = batch // self._copies
        names = range(samples) if self.sample_ids is None else self.sample_ids
        if isinstance(names, str):
            raise PruningError(f"sample_ids: {names!r} is one text: give a list with one per batch row")
        if len(names) != samples:
            raise PruningError(f"{len(names)} sample_ids for a batch of {samples}")
        return [str(name) for name in names for _ in range(self._copies)]
