"""Reading data sets: where their files lie, their rows one at a time, their images decoded."""
