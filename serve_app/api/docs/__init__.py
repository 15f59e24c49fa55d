"""What ``/docs`` and ``/openapi.json`` say of the routes."""
