"""The networks, from raw landmarks to logits."""
