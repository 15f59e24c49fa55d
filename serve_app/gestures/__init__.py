"""Gestures: request bodies in, checked arrays out."""
