"""Vision maps the slow way: attention row by row in float64, and tokens patch by patch."""

import copy
from functools import cache

import torch
from transformers.modeling_utils import AttentionInterface

from prunegrid.gallery.layout import lay_out

_SEEN = []


def _noting(module, query, key, value, attention_mask, scaling=None, **kwargs):
    """Attend in plain steps, and note queries, keys and mask."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    _SEEN.append((query.double(), key.double(), attention_mask, scaling))
    logits = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        masked = logits.masked_fill(~attention_mask, torch.finfo(logits.dtype).min)
        logits = masked if attention_mask.dtype == torch.bool else logits + attention_mask
    return (logits.softmax(-1) @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register("slow_noting", _noting)


def tower_run(family, model, pixels, layer):
    """Run the tower; return a layer's calls of attention, its output, and what entered the first layer."""
    layers = family.tower_layers(model)
    module = family.tower_attention(layers[layer])
    outputs, entered = [], []
    hooks = [
        layers[layer].register_forward_hook(
            lambda _, __, out: outputs.append(out[0] if isinstance(out, tuple) else out)
        ),
        layers[0].register_forward_pre_hook(lambda _, args: entered.append(args[0])),
    ]
    before, module.config = module.config, copy.copy(module.config)
    module.config._attn_implementation_internal = "slow_noting"
    _SEEN.clear()
    try:
        with torch.no_grad():
            family.features(model, [pixels])
    finally:
        module.config = before
        for hook in hooks:
            hook.remove()
    return list(_SEEN), outputs[-1], entered[-1]


def over_patches(kind, calls, output, class_tokens):
    """Return a map as {(sequence, patch): Tensor}."""
    found = {}
    if kind == "features":
        output = output[None] if output.dim() == 2 else output
        for sequence, rows in enumerate(output):
            for place, row in enumerate(rows[class_tokens:]):
                found[sequence, place] = row
        return found
    if kind == "places":
        output = output[None] if output.dim() == 2 else output
        side = round((output.shape[1] - class_tokens) ** 0.5)
        for tile in range(len(output)):
            for row in range(side):
                for column in range(side):
                    centre = [tile + 1, (row + 0.5) / side, (column + 0.5) / side]
                    found[tile, row * side + column] = torch.tensor(centre, dtype=torch.float64)
        return found
    done = 0
    for query, key, mask, scaling in calls:
        sequences, heads, tokens, size = query.shape
        for sequence in range(sequences):
            received = torch.zeros(tokens, dtype=torch.float64)
            of_all = torch.zeros(tokens, dtype=torch.float64)
            of_class = torch.zeros(tokens, dtype=torch.float64)
            joined = torch.zeros(tokens, dtype=torch.float64)
            for head in range(heads):
                for row in range(tokens):
                    logits = (key[sequence, head] * query[sequence, head, row]).sum(-1) * scaling
                    if mask is not None:
                        own = mask[min(sequence, len(mask) - 1), 0, row]
                        logits = logits.masked_fill(~own, -1e300) if own.dtype == torch.bool else logits + own
                    share = logits.exp() / logits.exp().sum()
                    of_all += share / heads / tokens
                    if row >= class_tokens:
                        received += share / heads / (tokens - class_tokens)
                    else:
                        of_class += share / heads
                joined += key[sequence, head] @ query[sequence, head, 0]
            joined = (joined / (heads * size) ** 0.5).exp()
            maps = {
                "attention_received": received[class_tokens:],
                "attention_of_all": of_all[class_tokens:],
                "cls_attention": of_class[class_tokens:],
                "cls_similarity": (joined / joined.sum())[class_tokens:],
                "keys": key[sequence, :, class_tokens:].transpose(0, 1),
            }
            for place, value in enumerate(maps[kind]):
                found[sequence, done + place] = value
        # Several calls of one sequence each are windows or pictures of packed patches.
        done += tokens - class_tokens
    return found


def patches_of_tokens(name, model, pixels, entered):
    """Return per image token, in the prompt's order, its (sequence, patch) pairs; [] for ends of rows."""
    if name.startswith("qwen"):
        return _packed(name, model, pixels, entered)
    if name in ("llava_next", "llava_onevision"):
        return _anyres(model, pixels)
    images = pixels["pixel_values"]
    images = images[0] if images.dim() == 5 else images
    patch = model.config.vision_config.patch_size
    side = images.shape[-1] // (patch if isinstance(patch, int) else patch[0])
    step = {"llava": 1, "internvl": 2, "idefics3": 2, "smolvlm": 2}.get(name)
    step = step or side // int(model.config.mm_tokens_per_image**0.5)
    return [
        [(tile, (row + r) * side + column + c) for r in range(step) for c in range(step)]
        for tile in range(len(images))
        for row in range(0, side, step)
        for column in range(0, side, step)
    ]


def _packed(name, model, pixels, entered):
    """Packed patches come in groups of 2 x 2; where the tower sorts them, each is found by its value."""
    n = sum(t * h * w for t, h, w in pixels["image_grid_thw"].tolist())
    place = list(range(n))
    if name == "qwen2_5_vl":
        with torch.no_grad():
            embedded = model.base_model.visual.patch_embed(pixels["pixel_values"])
        place = [int((entered - row).abs().sum(-1).argmin()) for row in embedded]
        assert sorted(place) == list(range(n))
        assert place != list(range(n))
    return [[(0, place[4 * token + k]) for k in range(4)] for token in range(n // 4)]


def _anyres(model, pixels):
    """Tiles as the gallery lays them out: the picture once, then rows of all tiles with their ends."""
    config = model.config
    side = config.vision_config.image_size // config.vision_config.patch_size
    found, tile = [], 0
    sizes = pixels["image_sizes"].tolist()
    several = "batch_num_images" in pixels and len(sizes) > 1
    for height, width in sizes:
        n_tiles = 1 if several else pixels["pixel_values"].shape[1]
        base = [[(tile, place)] for place in range(side * side)]
        if n_tiles == 1:
            found += [*base, []]
        else:
            high, wide = _laid_out(model, n_tiles, side, (width, height))
            rows, columns = _tiles(config, n_tiles, (width, height))
            top, left = (rows * side - high) // 2, (columns * side - wide) // 2
            found += base
            for row in range(top, top + high):
                for column in range(left, left + wide):
                    which = tile + 1 + (row // side) * columns + column // side
                    found.append([(which, (row % side) * side + column % side)])
                found.append([])
        tile += n_tiles
    return found


def _tiles(config, n_tiles, size):
    return {(3, True): (1, 2), (3, False): (2, 1), (5, True): (2, 2), (5, False): (2, 2)}[
        n_tiles, size[0] > size[1]
    ]


@cache
def _laid_out(model, n_tiles, side, size):
    """Return rows and columns of patches that show the picture."""
    config = model.config.to_dict()
    for n_tokens in range(side * side + 1, side * side * n_tiles * 3):
        try:
            layout = lay_out(n_tokens, [(n_tiles, side, side)], config, size)
        except Exception:
            continue
        return layout.views[0].numbers.shape
    raise AssertionError("no number of tokens fits")


def projected_of_tokens(name, model, pixels):
    """Return what the projector is given of each image token; 0 for ends of rows."""
    given = []
    projector = model.base_model.multi_modal_projector
    hook = projector.register_forward_pre_hook(lambda _, args: given.append(args[0].double()))
    with torch.no_grad():
        model.base_model.get_image_features(**pixels)
    hook.remove()
    if not name.startswith("llava"):
        # Neighbouring patches are joined already.
        return torch.cat([*given[0]])
    none = torch.zeros(given[0].shape[-1], dtype=torch.float64)
    own = patches_of_tokens(name, model, pixels, None)
    return torch.stack([given[0][pairs[0]] if pairs else none for pairs in own])


def grid_of_tokens(name, model, pixels):
    """Return grid, its rows and columns, own row and column, and whether rows have ends, of each token."""
    config, grids = model.config, []
    if name.startswith("qwen"):
        grids = [(rows // 2, columns // 2, 0) for _, rows, columns in pixels["image_grid_thw"].tolist()]
    elif name in ("llava_next", "llava_onevision"):
        side = config.vision_config.image_size // config.vision_config.patch_size
        sizes = pixels["image_sizes"].tolist()
        several = "batch_num_images" in pixels and len(sizes) > 1
        for height, width in sizes:
            n_tiles = 1 if several else pixels["pixel_values"].shape[1]
            if n_tiles > 1:
                rows, columns = _laid_out(model, n_tiles, side, (width, height))
            grids += [(side, side, 0), (rows, columns + 1, 1) if n_tiles > 1 else (1, 1, 0)]
    else:
        own = patches_of_tokens(name, model, pixels, None)
        tiles = max(tile for ((tile, _), *_) in own) + 1
        side = round((len(own) / tiles) ** 0.5)
        grids = [(side, side, 0)] * tiles
    return torch.tensor(
        [
            [number, rows, columns, row, column, ends]
            for number, (rows, columns, ends) in enumerate(grids, 1)
            for row in range(rows)
            for column in range(columns)
        ],
        dtype=torch.float64,
    )


def slowly(kind, name, family, model, pixels, layer):
    """Return a map over image tokens, (tokens, ...), float64."""
    if kind == "grid":
        return grid_of_tokens(name, model, pixels)
    if kind == "projector_inputs":
        return projected_of_tokens(name, model, pixels)
    calls, output, entered = tower_run(family, model, pixels, layer)
    patches = over_patches(kind, calls, output, int(family.has_class_token(model.config.to_dict())))
    some = next(iter(patches.values()))
    rows = []
    for own in patches_of_tokens(name, model, pixels, entered):
        total = torch.zeros(some.shape, dtype=torch.float64)
        for pair in own:
            total += patches[pair] / len(own)
        rows.append(total)
    return torch.stack(rows)
