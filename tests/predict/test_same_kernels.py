"""Predictions are computed without the attention kernel that sums in another order each time."""

import pytest
import torch

from prunegrid import plugins
from prunegrid.predict.loading import load_model
from tests.predict.runs import MODEL, cell, make_samples, run


@pytest.mark.parametrize("one", [cell(layers=(1, 2)), cell("none", None, 0.0)], ids=["hierarchical", "none"])
@pytest.mark.parametrize("before", [True, False])
def test_layers_and_tower_run_without_cudnn_attention(one, before):
    loaded = load_model(str(MODEL), {"dtype": "float32"})
    adapter = plugins.load("benchmarks", "pope")({"adapter": "pope", "path": "unread.parquet"})
    seen = []
    watched = [*loaded.family.layers(loaded.model), loaded.model.model.vision_tower]
    for module in watched:
        module.register_forward_pre_hook(lambda *_: seen.append(torch.backends.cuda.cudnn_sdp_enabled()))
    known = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(before)
    try:
        run(loaded, adapter, make_samples(2), one)
        assert torch.backends.cuda.cudnn_sdp_enabled() == before
    finally:
        torch.backends.cuda.enable_cudnn_sdp(known)
    assert len(seen) > len(watched)
    assert not any(seen)
