"""The edge client on real signs."""
