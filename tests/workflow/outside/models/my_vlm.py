"""A model family of one's own: the file has the name of its `model_type`."""

from torch import nn
from transformers import PreTrainedModel

from prunegrid.models.llava import Llava


class MyVlm(Llava):
    """As LLaVA-1.5, but its decoder has another name."""

    def decoder(self, model: PreTrainedModel) -> nn.Module:
        """Return the module that runs the decoder layers."""
        return model.model.text_decoder
