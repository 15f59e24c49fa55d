"""Single items become batches."""
