"""The Draw page: canvas, preprocessing, prediction, starting points, gallery."""
