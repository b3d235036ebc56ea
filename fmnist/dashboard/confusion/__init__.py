"""The Confusion page: the matrix and what stands beside it."""
