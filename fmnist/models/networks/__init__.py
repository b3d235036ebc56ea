"""The networks, a file a family."""
