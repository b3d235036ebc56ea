"""The Errors page: misclassified images, one image in detail, verdicts."""
