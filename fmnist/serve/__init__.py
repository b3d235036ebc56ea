"""The HTTP API: a run's probabilities for pictures, drawings and images, on ONNX Runtime."""
