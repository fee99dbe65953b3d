"""A model family of one's own: the file has the name of its `model_type`."""

from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from prunegrid import Family


@dataclass(frozen=True)
class MyVlm(Family):
    """Its decoder has another name; all else is the common shape."""

    def decoder(self, model: PreTrainedModel) -> nn.Module:
        """Return the module that runs the decoder layers."""
        return model.model.text_decoder
