"""``/openapi.json``: the OpenAPI document."""
