"""How often the 95 % interval of macro-F1 holds the truth."""
