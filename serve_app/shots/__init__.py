"""Basketball shots: request bodies, analysis and advice."""
