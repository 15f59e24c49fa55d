"""Made players and virtual cameras."""
