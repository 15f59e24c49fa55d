"""Held-out figures: protocols, metrics, reports."""
