"""Accuracy of Satchel and its peers on real data, five seeds, with times."""
