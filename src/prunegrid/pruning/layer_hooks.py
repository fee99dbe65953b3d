"""What happens at every decoder layer: tokens are cut, arguments follow, and shared layers are taken over.

Hooks around the layers of one model. Later tokens go through the same layers: there a cache tells which
tokens of its prompt each layer holds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.errors import PruningError
from prunegrid.pruning.attention import OwnProjectedFoundError, Projected, Watch
from prunegrid.pruning.cut_cache import ContextState, hold_cuts
from prunegrid.pruning.cutting import Cutter
from prunegrid.pruning.family import Family
from prunegrid.pruning.prefill import Prefill
from prunegrid.pruning.prefix_sharing import LayerRecord, PrefixSharing
from prunegrid.pruning.token_layout import Layout

Positional = tuple[Any, ...]
Keyword = dict[str, Any]
Hook = Callable[[nn.Module, Positional, Keyword], tuple[Positional, Keyword] | None]


class LayerHooks:
    """A model's decoder layers, while a context prunes it.

    Attributes
    ----------
    pending : Prefill or None
        A prompt that was read and has not entered the first layer yet.
    sharing : PrefixSharing or None
        Layers that prefills of one batch take over from one another.
    """

    def __init__(self, family: Family, model: PreTrainedModel, cutter: Cutter) -> None:
        text = model.config.get_text_config()
        self._flash = "flash" in str(text._attn_implementation)
        # Where no layer types are given, a window is every layer's.
        slides = "sliding_attention" in (getattr(text, "layer_types", None) or ["sliding_attention"])
        self._window = getattr(text, "sliding_window", None) if slides else None
        self._family = family
        self._layers = family.layers(model)
        # Only the layers that a cut reads are told of, and only in a prefill: it costs time at every call.
        self._watch = Watch([family.attention(layer) for layer in self._layers], self._keep_projected)
        self._may_read = False
        self._cutter = cutter
        # The layer about to run is asked for its queries and keys alone.
        self._asks_own = False
        self._forwards: list[Callable[..., Any]] = []
        # Interleaved generations each have their cache, so what a prefill kept is held with the cache.
        self._of_cache: WeakKeyDictionary[Any, Prefill] = WeakKeyDictionary()
        self._active: Prefill | None = None
        self._context = ContextState()
        self._prefilling = False
        self.pending: Prefill | None = None
        self.sharing: PrefixSharing | None = None

    @property
    def disabled(self) -> bool:
        """Whether the layers run as if there were no hooks: the unpruned model is asked for a gradient."""
        return self._cutter.gradients.running

    @contextmanager
    def hooked(self, model: PreTrainedModel, ranks: bool, sharing: PrefixSharing | None) -> Iterator[None]:
        """Keep hooks on the layers for the time of the context.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        ranks : bool
            Whether its cuts may read the queries and keys of the layer before, or their own layer's; shared
            prefills may.
        sharing : PrefixSharing or None
            Layers that prefills of one batch take over from one another.
        """
        self._may_read = ranks or sharing is not None
        self.sharing, self._context = sharing, ContextState()
        self._forwards = [layer.forward for layer in self._layers]
        with ExitStack() as stack:
            stack.callback(self._watch.only)
            decoder = self._family.decoder(model)
            hooks = [decoder.register_forward_pre_hook(self._enter_decoder, with_kwargs=True)]
            for index, layer in enumerate(self._layers):
                hook = self._layer_hook(index)
                hooks.append(layer.register_forward_pre_hook(hook, with_kwargs=True))
                if self._family.has_deep_stack:
                    hooks.append(layer.register_forward_hook(self._deep_stack_hook(index)))
            hooks.append(self._layers[0].register_forward_hook(self._leave_first_layer, with_kwargs=True))
            hooks.append(self._layers[-1].register_forward_hook(self._leave_last_layer))
            for handle in hooks:
                stack.callback(handle.remove)
            if sharing is not None:
                for index, layer in enumerate(self._layers):
                    stack.callback(restore, layer, "forward", vars(layer).get("forward"))
                    layer.forward = self._shared_forward(sharing, index, layer.forward)
            # What they hold is of one batch, keys and values among it: the next one needs the room.
            stack.callback(self._let_go)
            yield

    def _let_go(self) -> None:
        self.pending = self.sharing = self._active = None
        self._context.ended = True
        self._of_cache.clear()
        self._forwards = []
        self._prefilling = False

    def _enter_decoder(
        self, decoder: nn.Module, args: Positional, kwargs: Keyword
    ) -> tuple[Positional, Keyword] | None:
        """Take over what the decoder would add to image tokens at their places in the unpruned prompt."""
        if self.disabled or self.pending is None or not self.pending.cuts:
            return None
        kwargs = dict(kwargs)
        self.pending.deep_stack = self._family.take_deep_stack(kwargs)
        return args, kwargs

    def _layer_hook(self, index: int) -> Hook:
        def hook(layer: nn.Module, args: Positional, kwargs: Keyword) -> tuple[Positional, Keyword] | None:
            if self.disabled:
                return None
            hidden = args[0] if args else kwargs["hidden_states"]
            if index == 0:
                self._enter_first_layer(hidden, kwargs.get("past_key_values"))
            run, sharing = self._run, self.sharing
            if self._prefilling:
                self._watch.only()
                if run.moved_up is not None:
                    run.moved_up.note(index, kwargs.get("position_embeddings"))
                if sharing is not None and sharing.takes_over(index):
                    self._follow(run, sharing.record(index), index)
                    return None
                hidden = self._enter_layer(run, index, hidden, kwargs)
            layout = run.layouts[index]
            if layout.untouched and not (index == 0 and run.first_layer_refilled):
                return None
            kwargs = self._cut_arguments(run, layout, index, hidden, kwargs)
            if args:
                return (hidden, *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": hidden}

        return hook

    @property
    def _run(self) -> Prefill:
        """The prompt whose layers run: the first layer sets it."""
        assert self._active is not None
        return self._active

    def _enter_first_layer(self, hidden: Tensor, cache: Any) -> None:
        # An error may have ended the prefill before.
        self._watch.only()
        self._prefilling = cache is None or cache.get_seq_length() == 0
        if not self._prefilling:
            self._active = self._of_cache.get(cache)
            if self._active is None:
                raise PruningError("this cache was not filled inside this prune context")
            self._active.cut_arguments.clear()
            self._check_window(self._active, cache.get_seq_length() + hidden.shape[1])
            return
        run, self.pending = self.pending, None
        if run is None or hidden.shape[1] != run.layout.width_before:
            raise PruningError(
                "the decoder was given another prompt than the model: chunked prefill is not supported"
            )
        self._check_window(run, hidden.shape[1])
        run.embeddings = hidden
        self._active = run
        if cache is not None:
            if run.cuts:
                hold_cuts(cache, len(self._layers), self._context)
            self._of_cache[cache] = run

    def _enter_layer(self, run: Prefill, index: int, hidden: Tensor, kwargs: Keyword) -> Tensor:
        """Cut where the schedule says so; return the hidden states that stay."""
        sharing = self.sharing
        if sharing is not None:
            if index == sharing.shared > 0:
                entering = sharing.entering(index)
                run.projected, run.entered_before = entering.projected, entering.before
            sharing.record_input(index, hidden, run.projected, run.entered_before)
        if index in run.cuts:
            own = functools.partial(self._own_projected, run, index, hidden, kwargs)
            hidden = self._cutter.cut(run, index, hidden, own, shared=self.sharing is not None)
        run.layouts[index] = run.layout
        # Of this layer, once its attention runs.
        run.projected = None
        read = self._read_at(run, index + 1)
        run.entered_before = hidden if read else None
        self._watch.only(*[index] if read else [])
        if sharing is not None:
            cut = run.last_cut if index in run.cuts else None
            sharing.record_cut(index, LayerRecord(run.layout, cut, list(run.explained)))
        return hidden

    def _own_projected(self, run: Prefill, index: int, hidden: Tensor, kwargs: Keyword) -> Projected:
        """Return the queries and keys that a layer makes of what enters it before its cut.

        The layer's own forward is run up to its attention, without a cache.
        """
        kwargs = {name: value for name, value in kwargs.items() if name != "hidden_states"}
        if not run.layout.untouched:
            kwargs = self._cut_arguments(run, run.layout, index, hidden, kwargs)
        self._asks_own = self._may_read
        self._watch.only(*[index] if self._may_read else [])
        try:
            with torch.no_grad():
                self._forwards[index](hidden, **{**kwargs, "past_key_values": None})
        except OwnProjectedFoundError as found:
            return found.projected
        finally:
            self._asks_own = False
        raise PruningError(
            f"the attention of layer {index} was not observed: no criterion may read it where a strategy has "
            "`ranks = False`"
        )

    def _follow(self, run: Prefill, record: LayerRecord, index: int) -> None:
        """Take over what another prefill of this batch did before a layer."""
        run.layouts[index] = run.layout = record.layout
        run.explained[:] = record.explained
        if record.cut is not None:
            run.cut(record.cut)

    def _shared_forward(
        self, sharing: PrefixSharing, index: int, forward: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Wrap a layer's forward: it does not run where its outcome is shared."""

        @functools.wraps(forward)
        def shared_forward(*args: Any, **kwargs: Any) -> Any:
            if self.disabled or not self._prefilling:
                return forward(*args, **kwargs)
            cache = kwargs.get("past_key_values")
            if sharing.takes_over(index):
                sharing.take_over(index, cache)
                # Between layers that are taken over nobody looks at the hidden states.
                if index + 1 == sharing.shared:
                    return sharing.entering(index + 1).hidden
                return args[0] if args else kwargs["hidden_states"]
            output = forward(*args, **kwargs)
            sharing.record_cache(index, cache)
            return output

        return shared_forward

    def _check_window(self, run: Prefill, tokens: int) -> None:
        """Refuse windows that would be counted in other positions than those that the tokens have."""
        if self._window is None or not run.cuts or tokens <= self._window:
            return
        if run.moved_up is not None:
            raise PruningError(
                f"positions='contiguous' would move tokens within a window of {self._window}, which counts "
                f"original positions, and the sequence has {tokens}: use positions='original'"
            )
        if self._flash:
            raise PruningError(
                f"flash attention cannot count a window of {self._window} in original positions once tokens "
                f"are dropped, and the sequence has {tokens}: use attn_implementation='sdpa'"
            )

    def _cut_arguments(
        self, run: Prefill, layout: Layout, index: int, hidden: Tensor, kwargs: Keyword
    ) -> Keyword:
        """Return a layer's arguments with masks and positions of the present tokens only."""
        kwargs = dict(kwargs)
        moved_up = run.moved_up
        if (self._flash or moved_up is not None) and "position_ids" in kwargs:
            # Only rotary positions use them, and those come apart; flash attention would take the gaps
            # for the seams of packed sequences.
            kwargs["position_ids"] = None
        if self._prefilling:
            changed: dict[str, Callable[[Any], Any]] = {
                "attention_mask": lambda mask: layout.prefill_mask(mask, flash=self._flash),
                "position_ids": lambda ids: layout.gather(ids, dim=-1),
                "position_embeddings": lambda parts: tuple(layout.gather(part, dim=-2) for part in parts),
            }
            if moved_up is not None:
                changed["position_embeddings"] = lambda parts: moved_up.in_prompt(parts, layout)
        else:
            held = kwargs["past_key_values"].get_seq_length(index) - layout.columns.shape[1]
            later = held + hidden.shape[1]
            changed = {"attention_mask": lambda mask: layout.decode_mask(mask, later, flash=self._flash)}
            if moved_up is not None:
                changed["position_embeddings"] = lambda parts: moved_up.later(index, parts, layout, held)
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

    def _deep_stack_hook(self, index: int) -> Callable[[nn.Module, Positional, Tensor], Tensor | None]:
        def hook(layer: nn.Module, args: Positional, output: Tensor) -> Tensor | None:
            if self.disabled or not self._prefilling or self._run.deep_stack is None:
                return None
            if self.sharing is not None and self.sharing.takes_over(index):
                # They are in the hidden states that were taken over.
                return None
            return self._run.deep_stack.add(index, output, self._run.layout)

        return hook

    def _keep_projected(self, module: nn.Module, projected: Projected) -> None:
        """Keep the queries, keys and values of the layer before a cut."""
        if self._asks_own:
            raise OwnProjectedFoundError(projected)
        if not self.disabled:
            self._run.projected = projected

    def _read_at(self, run: Prefill, layer: int) -> bool:
        """Return whether a criterion may look back from a layer, here or in a prefill that parts there."""
        if not self._may_read:
            return False
        return layer in run.cuts or (self.sharing is not None and self.sharing.leaves_at(layer))

    def _leave_first_layer(self, layer: nn.Module, args: Positional, kwargs: Keyword, output: Any) -> None:
        """Give layer 0's cache its full length back where the image was dropped before it.

        The positions of later tokens come from that length; the dropped columns hold zeros and stay
        hidden.
        """
        if self.disabled or not self._prefilling:
            return
        run, cache = self._run, kwargs.get("past_key_values")
        if run.layout.untouched or cache is None:
            return
        part = cache.layers[0]
        batch, heads, _, size = part.keys.shape
        held = run.layout.to(part.keys.device)
        columns = held.columns[:, None, :, None].expand(-1, heads, -1, size)
        there = held.valid[:, None, :, None]
        for name in ("keys", "values"):
            full = getattr(part, name).new_zeros(batch, heads, run.layout.width_before, size)
            setattr(part, name, full.scatter(2, columns, getattr(part, name) * there))
        valid = torch.zeros_like(run.tokens.valid)
        valid = valid.scatter(1, run.layout.columns, run.layout.valid)
        run.layouts[0] = replace(Layout.whole(valid), lengths=run.layout.lengths)
        run.first_layer_refilled = True

    def _leave_last_layer(self, *_: Any) -> None:
        if not self.disabled and self._prefilling:
            self._watch.only()
            self._run.release()
            self._prefilling = False
            self._run.kept.check()


def restore(module: nn.Module, name: str, before: Callable[..., Any] | None) -> None:
    """Give a module back its own method, or the one that somebody had set on it."""
    if before is None:
        delattr(module, name)
    else:
        setattr(module, name, before)
