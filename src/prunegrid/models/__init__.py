"""What differs between model families, and no more: one file a family, named by its `model_type`."""
