"""From predictions to scores: what a scorer is, how answers are read, captions scored."""
