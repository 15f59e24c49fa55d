"""Model files: card, checks, repository layout, and the ONNX Runtime session."""
