"""Vocabularies: stored in the model repository, and applied to a model's embedding."""
