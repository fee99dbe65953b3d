"""What a model's tables say, in words made from their numbers by the rules of docs/findings.md.

It may import `tables`, `results`, and what stands below.
"""
