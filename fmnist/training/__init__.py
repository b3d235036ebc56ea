"""Settings and data to a run: the loop, what it is made of, and the background worker."""
