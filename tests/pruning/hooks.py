"""What hangs on a model."""


def hooks_of(model):
    """Return all forward hooks of a model's modules."""
    return [
        hook
        for module in model.modules()
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    ]
