"""Flows the slow way: one unpadded prompt, eager attention, no cache, a float mask for each layer."""

import copy
from contextlib import ExitStack

import torch

from prunegrid.checks.masked_forward import appended
from prunegrid.pruning.families import family_of
from tests.pruning.tiny import IMAGE_ID


def eager(model):
    """Return a copy of a model that computes attention step by step."""
    model = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    return model


@torch.no_grad()
def shares(slow, inputs):
    """Return flow -> share in each layer, from the attention that the model returns."""
    attentions = slow(**inputs, use_cache=False, output_attentions=True).attentions
    is_image = (inputs["input_ids"][0] == IMAGE_ID).tolist()
    first = is_image.index(True) if True in is_image else len(is_image)
    kinds = {
        "text": [i for i, image in enumerate(is_image) if not image],
        "image": [i for i, image in enumerate(is_image) if image],
    }
    queries = {"text": [i for i in kinds["text"] if i > first], "image": kinds["image"]}
    found = {}
    for query, rows in queries.items():
        for key, columns in kinds.items():
            found[f"{query}_to_{key}"] = [
                sum(float(weights[0, :, row, columns].sum(-1).mean()) for row in rows) / len(rows)
                if rows
                else float("nan")
                for weights in attentions
            ]
    return found


@torch.no_grad()
def logits(slow, inputs, tokens, masking):
    """Return the logits of every generated token, with a flow hidden in some layers."""
    whole = appended(inputs, tokens[:-1])
    is_image = whole["input_ids"][0] == IMAGE_ID
    queries = is_image if masking.flow == "image_to_image" else ~is_image
    hide = queries[:, None] & is_image[None, :] & ~torch.eye(len(is_image), dtype=torch.bool)

    def hook(layer, args, kwargs):
        mask = kwargs["attention_mask"].clone()
        assert mask.shape[2:] == hide.shape
        mask[:, :, hide] = torch.finfo(mask.dtype).min
        return args, {**kwargs, "attention_mask": mask}

    with ExitStack() as stack:
        for layer in family_of(slow.config.model_type).layers(slow)[masking.first : masking.end]:
            stack.callback(layer.register_forward_pre_hook(hook, with_kwargs=True).remove)
        found = slow(**whole, use_cache=False).logits[0]
    return found[inputs["input_ids"].shape[1] - 1 :]
