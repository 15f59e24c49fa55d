"""Stages of the graph that run in the test's own process."""
