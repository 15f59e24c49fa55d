"""HTTP and WebSocket: routes, bodies, error bodies. Knows nothing of Ray."""
