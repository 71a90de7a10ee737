"""Inference without Keras: the model's structure, predictions and explanations."""
