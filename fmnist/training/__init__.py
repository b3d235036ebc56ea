"""From settings and data to a trained run: the loop and its parts, and the trainer."""
