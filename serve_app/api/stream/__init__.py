"""``WS /stream``: live sessions."""
