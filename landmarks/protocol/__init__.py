"""Both ends of the wire: Open Inference v2, ``/stream``, metadata, predictions, and validation errors in words."""
