"""API keys: who may ask."""
