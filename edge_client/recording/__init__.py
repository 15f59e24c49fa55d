"""Recording windows of signs for training."""
