"""The service seen from the Pi, over HTTP or a WebSocket."""
