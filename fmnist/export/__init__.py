"""A run for others: one file that takes images and gives the page's probabilities, checked."""
