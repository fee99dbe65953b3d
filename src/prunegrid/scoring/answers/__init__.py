"""Rules that read an answer off a generated text: a letter, yes or no, or a short text."""
