"""MediaPipe's trackers, their model files, and which hand is which."""
