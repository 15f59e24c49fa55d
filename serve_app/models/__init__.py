"""Where a replica's model comes from, and how it is replaced while it runs."""
