"""Reading files from others with limits, and writing files atomically."""
