"""From plain parts to answers without Keras: model, layers, explanation, compression."""
