"""Names with a meaning of their own on the grid's axes, in configurations, folders and tables alike."""

# The strategy that prunes nothing (`strategies/none.py`): every grid has it.
BASELINE = "none"
# The criterion of a strategy that ranks nothing.
NO_CRITERION = "none"
