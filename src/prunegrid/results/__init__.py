"""Files of results: predictions, shards, the store and its checksums. Imports no torch."""
