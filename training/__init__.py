"""PyTorch and Lightning: from recordings to an ONNX file and its card. Each command is a module, each runs as a Ray job."""
