"""Both ends of the wire: Open Inference v2, ``/stream``, predictions, and validation errors in words."""
