"""The ground floor: what training, serving and the edge must agree on.

Knows arrays, files and ONNX Runtime. Knows nothing of Ray, torch or HTTP: those packages stand on this one.
"""
