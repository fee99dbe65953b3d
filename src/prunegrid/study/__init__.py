"""From a configuration to cells, keys, bundles and the state of their results. Imports no torch."""
