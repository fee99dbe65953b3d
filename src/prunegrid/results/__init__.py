"""Files of results: predictions, their shards, the store of finished cells, and checksums.

It may import files of the package's root alone.
"""
