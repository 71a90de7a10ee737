"""What is tried for a data set: recipes, validation on held-out documents, and the final fit."""
