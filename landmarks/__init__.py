"""What training, serving and the edge share: landmarks, model files, and both ends of every protocol.

Uses NumPy, msgspec and ONNX Runtime. Knows nothing of Ray, torch or HTTP.
"""
