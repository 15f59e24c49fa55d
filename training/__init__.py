"""PyTorch and Lightning: from recordings to an ONNX file and its card; each command is a module and a Ray job."""
