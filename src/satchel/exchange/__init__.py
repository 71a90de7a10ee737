"""Models to and from other formats: ONNX and Keras out, the old tutorial's files in."""
