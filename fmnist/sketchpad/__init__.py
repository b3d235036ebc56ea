"""Drawings and uploads: canvas, preprocessing to a model input, recognition, gallery."""
