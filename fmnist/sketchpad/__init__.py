"""A drawing or an upload to a model input, and what a model answers."""
