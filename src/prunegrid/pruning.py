"""The engine: a context in which a model drops image tokens between its decoder layers.

Hooks on the model and its decoder layers do the work; no source of a model is copied or patched, and
nothing is left of them after the context. Pruning happens once, in the prefill: layers from a cut on
cache the kept tokens only, so caches differ in length by layer.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from prunegrid.attention import Projected, observe
from prunegrid.criteria.base import Criterion
from prunegrid.errors import PruningError
from prunegrid.generation import check_generation, settings_of
from prunegrid.layout import Layout, gather_tokens
from prunegrid.models.registry import family_of
from prunegrid.plugins import build
from prunegrid.prefill import Prefill, Saliencies, cuts_of, keep_whole
from prunegrid.saliency import unpruned_saliency
from prunegrid.selection import select
from prunegrid.stage import Stage
from prunegrid.strategies.base import Schedule, Strategy
from prunegrid.trail import Passed, Trail


@contextmanager
def prune(
    model: PreTrainedModel,
    strategy: str | Strategy,
    criterion: str | Criterion = "attention",
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
    strategy, criterion : str or plug-in
        Names of plug-ins, or instances.
    ratio : float, optional
        Share of the image-token work in the decoder that is removed: 1 - mean over layers of a_l.
    seed : int
        Seed of random schedules and random orders.
    strategy_options, criterion_options : dict, optional
        Options of plug-ins given by name.
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

    Examples
    --------
    >>> with prunegrid.prune(model, "hierarchical", "attention", ratio=0.75) as pruning:
    ...     output = model.generate(**inputs, max_new_tokens=16)
    >>> pruning.kept[0]
    [(2, [0, 3, ...]), (8, [3, 17, ...])]
    """
    if isinstance(strategy, str):
        strategy = build("strategies", strategy, strategy_options)
    if isinstance(criterion, str):
        criterion = build("criteria", criterion, criterion_options)
    pruning = Pruning(model, strategy, criterion, ratio, seed, sample_ids, saliencies)
    with pruning.hooked():
        yield pruning


class Pruning:
    """State of a `prune` context.

    Attributes
    ----------
    schedule : list of list of (int, int)
        Of the last prefill, per batch row: (layer, image tokens kept).
    kept : list of list of (int, list of int)
        Likewise: (layer, original image-token numbers, ascending).
    n_image_tokens : list of int
        N per batch row of the last prefill.
    explained : list of int
        Likewise: how many tokens of the unpruned answer a gradient was taken of, 0 without one.
    sample_ids : sequence of str or None
        Names of the rows of the next prefill.
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
        family = family_of(model.config.model_type)
        self.model = model
        self.strategy = strategy
        self.criterion = criterion
        self.ratio = ratio
        self.seed = seed
        self.sample_ids = sample_ids
        self.schedule: list[list[tuple[int, int]]] = []
        self.kept: list[list[tuple[int, list[int]]]] = []
        self.n_image_tokens: list[int] = []
        self.explained: list[int] = []
        self._saliencies = saliencies
        text = model.config.get_text_config()
        self._flash = "flash" in str(text._attn_implementation)
        # Where no layer types are given, a window is every layer's.
        slides = "sliding_attention" in (getattr(text, "layer_types", None) or ["sliding_attention"])
        self._window = getattr(text, "sliding_window", None) if slides else None
        self._family = family
        self._layers = family.layers(model)
        self._attentions = [family.attention(layer) for layer in self._layers]
        self._image_token_id = family.image_token_id(model.config)
        self._solved: dict[int, Schedule] = {}
        # Interleaved generations each have their cache, so what a prefill kept is held with the cache.
        self._of_cache: WeakKeyDictionary[Any, Prefill] = WeakKeyDictionary()
        self._pending: Prefill | None = None
        self._active: Prefill | None = None
        self._prefilling = False
        self._off = False
        self._trail: Trail | None = None
        # Rows that `generate` makes of one sample: beams, returned sequences.
        self._copies = 1
        # Raises now, not after the first batch, if the ratio is out of reach.
        self._schedule_for(None)

    def stages(self, counts: Sequence[int]) -> list[Hashable]:
        """Return what is done before each layer, None for nothing, to prompts of so many image tokens.

        Prefills of one batch whose stages are equal up to some layer are the same up to there.
        """
        found: list[Hashable] = [None] * len(self._layers)
        schedules = [self._schedule_for(count) for count in counts]
        for layer, keep in cuts_of(schedules, counts).items():
            ranking = None
            if any(keep):
                second_cut = schedules[0].second_cut
                criterion = self.criterion.in_charge(layer, len(self._layers), second_cut)
                ranking = (criterion.identity, self.criterion.reverse, second_cut, self.seed)
            found[layer] = (tuple(keep), ranking)
        return found

    @contextmanager
    def hooked(self, trail: Trail | None = None) -> Iterator[None]:
        """Keep hooks on the model for the time of the context.

        Parameters
        ----------
        trail : Trail, optional
            Layers that prefills of one batch take over from one another: the only prompt within the context
            is that batch.
        """
        if any(getattr(module.config, "prunegrid_observer", None) for module in self._attentions):
            raise PruningError("this model is being pruned already: prune contexts do not nest")
        ranks = self.strategy.ranks or trail is not None
        read = [self._attentions[i] for i in range(len(self._layers) - 1)] if ranks else []
        self._trail = trail
        with ExitStack() as stack:
            stack.enter_context(observe(read, self._keep_projected))
            hooks = [self.model.register_forward_pre_hook(self._enter_model, with_kwargs=True)]
            decoder = self._family.decoder(self.model)
            hooks.append(decoder.register_forward_pre_hook(self._enter_decoder, with_kwargs=True))
            for index, layer in enumerate(self._layers):
                hook = self._layer_hook(index)
                hooks.append(layer.register_forward_pre_hook(hook, with_kwargs=True))
                if self._family.has_deep_stack:
                    hooks.append(layer.register_forward_hook(self._deep_stack_hook(index)))
            hooks.append(self._layers[0].register_forward_hook(self._leave_first_layer, with_kwargs=True))
            hooks.append(self._layers[-1].register_forward_hook(self._leave_last_layer))
            for handle in hooks:
                stack.callback(handle.remove)
            if trail is not None:
                for index, layer in enumerate(self._layers):
                    stack.callback(_restore, layer, "forward", vars(layer).get("forward"))
                    layer.forward = self._passing(index, layer.forward)
            if hasattr(self.model, "generate"):
                stack.callback(_restore, self.model, "generate", vars(self.model).get("generate"))
                self.model.generate = self._checked(self.model.generate)
            yield

    def _checked(self, generate: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap `generate`: what its settings do to a prompt cannot be seen from within the model."""

        @functools.wraps(generate)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not self._off:
                self._copies = check_generation(settings_of(self.model, *args, **kwargs))
            try:
                return generate(*args, **kwargs)
            finally:
                self._copies = 1

        return checked

    def _schedule_for(self, n_tokens: int | None) -> Schedule:
        if n_tokens not in self._solved:
            self._solved[n_tokens] = self.strategy.solve(
                self.ratio, len(self._layers), seed=self.seed, n_tokens=n_tokens or None
            )
        return self._solved[n_tokens]

    # --- the prompt -----------------------------------------------------------------------------

    def _enter_model(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        """Read a prompt's image span before the model runs it."""
        if self._off:
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
        if not bool(valid[:, -1].all()):
            raise PruningError("the prompts are padded on the right: pad on the left")
        self._pending = self._read_prompt(ids, valid, inputs)

    def _read_prompt(self, ids: Tensor, valid: Tensor, inputs: dict[str, Any]) -> Prefill:
        image = (ids == self._image_token_id) & valid
        numbers = torch.where(image, image.cumsum(1) - 1, -1)
        counts = image.sum(1).tolist()
        sample_ids = self._names(len(ids))
        if image[:, -1].any():
            rows = [sample_ids[row] for row in image[:, -1].nonzero()[:, 0].tolist()]
            raise PruningError(f"no text after the image in sample {', '.join(map(repr, rows))}")
        schedules = [self._schedule_for(count) for count in counts]
        self.n_image_tokens = counts
        self.explained = [0] * len(counts)
        self.schedule = [
            schedule.counts(count) if count else [] for schedule, count in zip(schedules, counts, strict=True)
        ]
        self.kept = [[] for _ in counts]
        return Prefill(inputs, numbers, Layout.whole(valid), counts, schedules, sample_ids)

    def _names(self, batch: int) -> list[str]:
        """Return one name per row; the beams of a sample share its name, hence its kept tokens."""
        samples = batch // self._copies
        names = range(samples) if self.sample_ids is None else self.sample_ids
        if len(names) != samples:
            raise PruningError(f"{len(names)} sample_ids for a batch of {samples}")
        return [str(name) for name in names for _ in range(self._copies)]

    def _enter_decoder(self, decoder: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        """Take over what the decoder would add to image tokens at their places in the unpruned prompt."""
        if self._off or self._pending is None or not self._pending.cuts:
            return None
        kwargs = dict(kwargs)
        self._pending.deep_stack = self._family.take_deep_stack(kwargs)
        return args, kwargs

    # --- the layers -----------------------------------------------------------------------------

    def _layer_hook(self, index: int):
        def hook(layer: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
            if self._off:
                return None
            hidden = args[0] if args else kwargs["hidden_states"]
            if index == 0:
                self._enter_first_layer(hidden, kwargs.get("past_key_values"))
            run = self._active
            if self._prefilling:
                if self._takes_over(index):
                    self._follow(run, index)
                    return None
                hidden = self._enter_layer(run, index, hidden)
            layout = run.layouts[index]
            if layout.untouched and not (index == 0 and run.first_layer_refilled):
                return None
            kwargs = self._cut_arguments(run, layout, index, hidden, kwargs)
            if args:
                return (hidden, *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": hidden}

        return hook

    def _enter_first_layer(self, hidden: Tensor, cache: Any) -> None:
        self._prefilling = cache is None or cache.get_seq_length() == 0
        if not self._prefilling:
            self._active = self._of_cache.get(cache)
            if self._active is None:
                raise PruningError("this cache was not filled inside this prune context")
            self._active.cut_arguments.clear()
            self._check_window(self._active, cache.get_seq_length() + hidden.shape[1])
            return
        run, self._pending = self._pending, None
        if run is None or hidden.shape[1] != run.numbers.shape[1]:
            raise PruningError(
                "the decoder was given another prompt than the model: chunked prefill is not supported"
            )
        self._check_window(run, hidden.shape[1])
        run.embeddings = hidden
        self._active = run
        if cache is not None:
            if run.cuts:
                keep_whole(cache)
            self._of_cache[cache] = run

    def _enter_layer(self, run: Prefill, index: int, hidden: Tensor) -> Tensor:
        """Cut where the schedule says so; return the hidden states that stay."""
        trail = self._trail
        if trail is not None:
            if index == trail.shared > 0:
                run.projected = trail.entering(index)[1]
            trail.arrive(index, hidden, run.projected)
        if index in run.cuts:
            hidden = self._cut(run, index, hidden)
        run.layouts[index] = run.layout
        if trail is not None:
            kept = {row: cuts[-1][1] for row, cuts in enumerate(self.kept) if cuts and cuts[-1][0] == index}
            trail.cut(index, Passed(run.layout, kept, list(self.explained)))
        return hidden

    def _takes_over(self, index: int) -> bool:
        return self._trail is not None and self._trail.takes_over(index)

    def _follow(self, run: Prefill, index: int) -> None:
        """Take over what another prefill of this batch did before a layer."""
        passed = self._trail.passed(index)
        run.layouts[index] = run.layout = passed.layout
        self.explained = list(passed.explained)
        for row, numbers in passed.kept.items():
            self.kept[row].append((index, numbers))

    def _passing(self, index: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a layer's forward: it does not run where its outcome is on the trail."""

        @functools.wraps(forward)
        def passing(*args: Any, **kwargs: Any) -> Any:
            if self._off or not self._prefilling:
                return forward(*args, **kwargs)
            trail, cache = self._trail, kwargs.get("past_key_values")
            if trail.takes_over(index):
                trail.take_over(index, cache)
                # Between layers that are taken over nobody looks at the hidden states.
                last = index + 1 == trail.shared
                return trail.entering(index + 1)[0] if last else args[0] if args else kwargs["hidden_states"]
            output = forward(*args, **kwargs)
            trail.leave(index, cache)
            return output

        return passing

    def _check_window(self, run: Prefill, tokens: int) -> None:
        """Refuse windows that flash attention would count in kept tokens instead of original positions."""
        if self._flash and self._window is not None and run.cuts and tokens > self._window:
            raise PruningError(
                f"flash attention cannot count a window of {self._window} in original positions once tokens "
                f"are dropped, and the sequence has {tokens}: use attn_implementation='sdpa'"
            )

    def _cut(self, run: Prefill, index: int, hidden: Tensor) -> Tensor:
        """Drop image tokens before layer `index`; return the hidden states that stay."""
        numbers = run.numbers.gather(1, run.layout.columns)
        image = (numbers >= 0) & run.layout.valid
        present = image.sum(1).tolist()
        keep = [
            have if wanted is None else wanted for wanted, have in zip(run.cuts[index], present, strict=True)
        ]
        if keep == present:
            selected = image
        elif not any(keep):
            selected = torch.zeros_like(image)
        else:
            stage = self._stage(run, index, hidden, numbers, image, keep)
            selected = select(self.criterion, stage, self._trail is not None).to(image.device)
        run.layout, chosen = run.layout.select(run.layout.valid & (~image | selected))
        for row, wanted in enumerate(run.cuts[index]):
            if wanted is not None:
                self.kept[row].append((index, numbers[row][selected[row]].tolist()))
        return gather_tokens(hidden, chosen, dim=1)

    def _stage(
        self, run: Prefill, index: int, hidden: Tensor, numbers: Tensor, image: Tensor, keep: list[int]
    ) -> Stage:
        width = numbers.shape[1]
        # The layers of a model placed on several devices; the prompt's numbers lie where its ids do.
        numbers, image = numbers.to(hidden.device), image.to(hidden.device)
        layout = run.layout if run.layout.valid.device == hidden.device else run.layout.to(hidden.device)
        place = torch.arange(width, device=hidden.device)
        last_image = torch.where(image, place, -1).amax(1, keepdim=True)
        text_after = (place > last_image) & layout.valid & (last_image >= 0)
        return Stage(
            layer=index,
            n_layers=len(self._layers),
            second_cut=run.schedules[0].second_cut,
            keep=keep,
            hidden=hidden,
            image=image,
            text_after=text_after,
            last=(place == width - 1).expand_as(image),
            numbers=torch.where(image, numbers, -1),
            most_image_tokens=max(run.counts),
            sample_ids=run.sample_ids,
            seed=self.seed,
            layout=layout,
            _projected=run.projected,
            _embeddings=run.embeddings,
            _saliency=lambda rank, tokens: self._saliency(run, rank, tokens),
        )

    def _cut_arguments(self, run: Prefill, layout: Layout, index: int, hidden: Tensor, kwargs: dict) -> dict:
        """Return a layer's arguments with masks and positions of the present tokens only."""
        kwargs = dict(kwargs)
        if self._flash and "position_ids" in kwargs:
            # Only rotary positions use them, and those come apart; flash attention would take the gaps
            # for the seams of packed sequences.
            kwargs["position_ids"] = None
        if self._prefilling:
            changed = {
                "attention_mask": layout.prefill_mask,
                "position_ids": lambda ids: layout.gather(ids, dim=-1),
                "position_embeddings": lambda parts: tuple(layout.gather(part, dim=-2) for part in parts),
            }
        else:
            held = kwargs["past_key_values"].get_seq_length(index) - layout.columns.shape[1]
            later = held + hidden.shape[1]
            changed = {"attention_mask": lambda mask: layout.decode_mask(mask, later)}
        for name, change in changed.items():
            value = kwargs.get(name)
            if value is None and name != "attention_mask":
                continue
            key = (id(layout), name, id(value))
            if key not in run.cut_arguments:
                # The original is held with its cut version, so that its id is not given to another.
                run.cut_arguments[key] = value, change(value)
            kwargs[name] = run.cut_arguments[key][1]
        return kwargs

    # --- what layers leave behind ---------------------------------------------------------------

    def _deep_stack_hook(self, index: int):
        def hook(layer: nn.Module, args: tuple, output: Tensor) -> Tensor | None:
            if self._off or not self._prefilling or self._active.deep_stack is None:
                return None
            if self._takes_over(index):
                # They are in the hidden states that were taken over.
                return None
            return self._active.deep_stack.add(index, output, self._active.layout)

        return hook

    def _keep_projected(self, module: nn.Module, projected: Projected) -> None:
        """Keep the queries and keys of the layer before a cut."""
        if self._off or not self._prefilling:
            return
        after = module.layer_idx + 1
        read = after in self._active.cuts or (self._trail is not None and self._trail.leaves_at(after))
        self._active.projected = projected if read else None

    def _leave_first_layer(self, layer: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        """Give layer 0's cache its full length back where the image was dropped before it.

        The positions of later tokens come from that length; the dropped columns hold zeros and stay
        hidden.
        """
        run, cache = self._active, kwargs.get("past_key_values")
        if self._off or not self._prefilling or run.layout.untouched or cache is None:
            return
        part = cache.layers[0]
        batch, heads, _, size = part.keys.shape
        held = run.layout.to(part.keys.device)
        columns = held.columns[:, None, :, None].expand(-1, heads, -1, size)
        there = held.valid[:, None, :, None]
        for name in ("keys", "values"):
            full = getattr(part, name).new_zeros(batch, heads, run.layout.width_before, size)
            setattr(part, name, full.scatter(2, columns, getattr(part, name) * there))
        valid = torch.zeros_like(run.numbers, dtype=torch.bool)
        valid = valid.scatter(1, run.layout.columns, run.layout.valid)
        run.layouts[0] = Layout.whole(valid)
        run.first_layer_refilled = True

    def _leave_last_layer(self, *_: Any) -> None:
        if not self._off and self._prefilling:
            self._active.release()
            self._prefilling = False

    def _saliency(self, run: Prefill, rank: int, answer_tokens: int) -> Tensor:
        """Return (batch, layers, most image tokens), computing only the rows not yet known."""
        known = run.saliencies if self._saliencies is None else self._saliencies
        keys = [(name, rank, answer_tokens) for name in run.sample_ids]
        if any(key not in known for key in keys):
            columns = [(row >= 0).nonzero()[:, 0] for row in run.numbers]
            self._off = True
            try:
                found, lengths = unpruned_saliency(
                    self.model, self._layers, run.inputs, columns, rank, answer_tokens
                )
            finally:
                self._off = False
            for key, row, n, length in zip(keys, found, run.counts, lengths, strict=True):
                known[key] = row[:, :n].cpu(), length
        result = torch.zeros(len(keys), len(self._layers), max(1, *run.counts), device=run.numbers.device)
        for row, key in enumerate(keys):
            scores, self.explained[row] = known[key]
            result[row, :, : scores.shape[1]] = scores.to(result.device)
        return result


def _restore(module: nn.Module, name: str, before: Callable[..., Any] | None) -> None:
    """Give a module back its own method, or the one that somebody had set on it."""
    if before is None:
        delattr(module, name)
    else:
        setattr(module, name, before)
