"""Model files: the card, the checks that prove it, and the session that answers."""
