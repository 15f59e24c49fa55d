"""The three stages as Ray Serve deployments, and what carries a batch between them."""
