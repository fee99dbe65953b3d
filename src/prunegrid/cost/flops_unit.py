"""The unit in which FLOPs are printed."""

_UNITS = ((1.0, "TFLOPs"), (1e-3, "GFLOPs"), (1e-6, "MFLOPs"))


def flops_unit(largest: float) -> tuple[float, str]:
    """Return the largest unit in which a number is at least 1, else MFLOPs: in 1e12 FLOPs, and its name.

    Parameters
    ----------
    largest : float
        1e12 FLOPs.
    """
    return next(((factor, unit) for factor, unit in _UNITS if largest >= factor), _UNITS[-1])
