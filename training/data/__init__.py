"""Recordings and windows as arrays, and splits that keep people apart."""
