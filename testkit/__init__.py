"""Starts and stops real services, and makes inputs, for tests and benchmarks."""
