"""The engine: which image tokens a model drops in its prefill; its base classes for plug-ins."""
