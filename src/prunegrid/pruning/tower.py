"""What a vision tower computed on its way, noted by hooks on its layers: attention, keys, features.

Only what is asked for is noted, and attention as what it sums up to: a (heads, patches, patches) matrix
never exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from prunegrid.errors import PruningError
from prunegrid.pruning.attention import Projected, observe
from prunegrid.pruning.patch_grid import default_grid
from prunegrid.pruning.token_grids import grid_map
from prunegrid.pruning.vision_maps import VisionMap, check_maps, tower_layer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from prunegrid.pruning.family import Family, Features

# Attention that is held at once, in elements: 64 MB in float32.
_CHUNK = 2**24


class TowerWatch:
    """Notes vision maps of every run of a model's tower.

    Parameters
    ----------
    family : Family
        Says which modules are the tower's.
    model : PreTrainedModel
        The model.
    maps : sequence of VisionMap
        What to note.

    Raises
    ------
    PruningError
        If the tower cannot give one of them.
    """

    def __init__(self, family: Family, model: PreTrainedModel, maps: Sequence[VisionMap]) -> None:
        self._family, self._model = family, model
        self._layers = family.tower_layers(model)
        self._attentions = [family.tower_attention(layer) for layer in self._layers]
        config = model.config.to_dict()
        self._class_tokens = int(family.has_class_token(config))
        one_size = family.tile_tokens(config) is not None
        check_maps(maps, model.config.model_type, len(self._layers), bool(self._class_tokens), one_size)
        self._gridded = [one.name for one in maps if one.kind == "grid"]
        if self._gridded:
            family.check_grid(config)
        self._maps = tuple(one for one in maps if one.kind != "grid")
        self._projector = self._projector_of(family, model)
        self._grid = default_grid(config) if any(one.kind == "places" for one in maps) else None
        self._found: dict[VisionMap, list[Tensor]] = {}
        self._sequences = 0

    def _projector_of(self, family: Family, model: PreTrainedModel) -> nn.Module | None:
        asked = any(one.kind == "projector_inputs" for one in self._maps)
        return family.projector(model) if asked else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep hooks on the tower for the time of the context."""
        n_layers = len(self._layers)
        by_layer: dict[int, list[VisionMap]] = {}
        for one in self._of_layers:
            by_layer.setdefault(tower_layer(one.layer, n_layers) % n_layers, []).append(one)
        with ExitStack() as stack:
            handles = [self._layers[0].register_forward_pre_hook(lambda *_: self._found.clear())]
            if self._gridded:
                handles.append(self._layers[0].register_forward_hook(self._count_hook))
            if self._projector is not None:
                handles.append(self._projector.register_forward_pre_hook(self._project_hook))
            read = {}
            for at, wanted in by_layer.items():
                projected = [one for one in wanted if one.kind not in ("features", "places")]
                if projected:
                    read[self._attentions[at]] = projected
                for one in wanted:
                    if one not in projected:
                        hook = self._feature_hook if one.kind == "features" else self._place_hook
                        handles.append(self._layers[at].register_forward_hook(hook(one)))
            for handle in handles:
                stack.callback(handle.remove)
            stack.enter_context(observe(list(read), lambda module, seen: self._note(read[module], seen)))
            yield

    def over_tokens(self, pixels: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the maps of the tower's last run over the image tokens of all pictures.

        Parameters
        ----------
        pixels : mapping
            What the tower was given, as the processor returned it.

        Returns
        -------
        dict
            Name of the map -> Tensor (image tokens, ...), float32.

        Raises
        ------
        PruningError
            If it has not run, or its family does not say how tokens stand in a grid.
        """
        found = self._family.vision(self._model, self._taken(), pixels)
        if self._gridded:
            grids = self._family.token_grids(self._model, pixels, self._sequences)
            places = grid_map(grids, pixels["pixel_values"].device)
            found.update(dict.fromkeys(self._gridded, places))
        return found

    def _taken(self) -> dict[VisionMap, Tensor]:
        """Return the maps of the tower's last run, (sequences, patches, ...).

        Raises
        ------
        PruningError
            If it has not run.
        """
        missing = [one.name for one in self._maps if one not in self._found]
        if missing:
            raise PruningError(f"the vision tower has not run, or not its layers for {', '.join(missing)}")
        # Towers of packed patches call their attention once for each window or picture.
        return {
            one: parts[0] if len(parts) == 1 else torch.cat(parts, 1) for one, parts in self._found.items()
        }

    def _add(self, one: VisionMap, found: Tensor) -> None:
        self._found.setdefault(one, []).append(found)

    @property
    def _of_layers(self) -> list[VisionMap]:
        return [one for one in self._maps if one.kind != "projector_inputs"]

    def _count_hook(self, layer: nn.Module, args: Any, output: Any) -> None:
        self._sequences = len(output[0] if isinstance(output, tuple) else output)

    def _project_hook(self, projector: nn.Module, args: Any) -> None:
        for one in self._maps:
            if one.kind == "projector_inputs":
                self._add(one, args[0].detach().float())

    def _feature_hook(self, one: VisionMap) -> Any:
        def hook(layer: nn.Module, args: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            # Packed patches come without a batch dimension.
            hidden = hidden[None] if hidden.dim() == 2 else hidden
            self._add(one, hidden.detach()[:, self._class_tokens :].float())

        return hook

    def _place_hook(self, one: VisionMap) -> Any:
        def hook(layer: nn.Module, args: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            assert self._grid is not None  # refused otherwise
            self._add(one, _places(len(hidden), *self._grid[1:], hidden.device))

        return hook

    def _note(self, wanted: Sequence[VisionMap], seen: Projected) -> None:
        skip = self._class_tokens
        for one in wanted:
            if one.kind == "keys":
                self._add(one, seen.key.detach()[:, :, skip:].transpose(1, 2).float())
            elif one.kind == "cls_attention":
                self._add(one, _shares(seen, 0, 1)[:, 0, skip:])
            elif one.kind == "cls_similarity":
                self._add(one, _similarity(seen)[:, skip:])
            else:
                self._add(one, _received(seen, skip if one.kind == "attention_received" else 0)[:, skip:])


def features_with_maps(
    family: Family, model: PreTrainedModel, pixels: dict[str, Tensor], maps: Sequence[VisionMap]
) -> Features:
    """Run the vision tower and projector on one sample, and note vision maps on the way.

    Parameters
    ----------
    family, model : Family, PreTrainedModel
        The model, and its family.
    pixels : dict
        What the processor returned besides token ids and their mask.
    maps : sequence of VisionMap
        What to note.

    Raises
    ------
    PruningError
        If the tower cannot give a map.
    """
    watch = TowerWatch(family, model, maps)
    with watch.watching():
        (found,) = family.features(model, [pixels])
    return replace(found, vision=watch.over_tokens(pixels))


def _places(sequences: int, rows: int, columns: int, device: torch.device) -> Tensor:
    """Return tile, from 1, and a patch's centre in shares of height and width, (sequences, patches, 3)."""
    parts = (
        torch.arange(sequences, device=device) + 1.0,
        (torch.arange(rows, device=device) + 0.5) / rows,
        (torch.arange(columns, device=device) + 0.5) / columns,
    )
    return torch.stack(torch.meshgrid(*parts, indexing="ij"), -1).flatten(1, 2)


def _shares(seen: Projected, start: int, stop: int) -> Tensor:
    """Return the attention of query rows, mean of the heads, (sequences, rows, tokens), float32."""
    query = seen.query.detach()[:, :, start:stop].float() * seen.scaling
    logits = query @ seen.key.detach().float().transpose(2, 3)
    if seen.mask is not None:
        logits = _masked(logits, seen.mask, start, stop)
    return logits.softmax(-1).mean(1)


def _masked(logits: Tensor, mask: Tensor, start: int, stop: int) -> Tensor:
    lowest = torch.finfo(logits.dtype).min
    if mask.dim() == 2:
        return logits.masked_fill(~mask.bool()[:, None, None, :], lowest)
    rows = mask[:, :, start:stop, : logits.shape[-1]]
    return logits.masked_fill(~rows, lowest) if rows.dtype == torch.bool else logits + rows.float()


def _received(seen: Projected, first: int) -> Tensor:
    """Return what each token receives from all rows but the first ones, their mean: (sequences, tokens)."""
    sequences, heads, tokens, _ = seen.query.shape
    total = torch.zeros(sequences, tokens, device=seen.query.device)
    step = max(1, _CHUNK // (sequences * heads * tokens))
    for start in range(first, tokens, step):
        total += _shares(seen, start, min(tokens, start + step)).sum(1)
    return total / (tokens - first)


def _similarity(seen: Projected) -> Tensor:
    """Return softmax over class token and patches of q_cls . k / sqrt(C), heads joined.

    Returns
    -------
    Tensor
        (sequences, tokens), float32.
    """
    query, key = seen.query.detach()[:, :, :1].float(), seen.key.detach().float()
    logits = (query @ key.transpose(2, 3)).sum(1)[:, 0] / (query.shape[1] * query.shape[3]) ** 0.5
    shares: Tensor = logits.softmax(-1)
    return shares
