"""The two ablation tables: what stands in which block, what is compared with what, how it prints."""
