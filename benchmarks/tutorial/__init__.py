"""The dense tutorial program, a linear SVM and Satchel, side by side."""
