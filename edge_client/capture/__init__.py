"""Frames in: cameras, streams, videos and recordings."""
