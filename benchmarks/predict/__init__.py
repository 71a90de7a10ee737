"""Text to labels with trained models: Satchel, a linear SVM pipeline and fastText."""
