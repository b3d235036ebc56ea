"""Networks by name, their sizes, and classifiers: weights with normalization and temperature."""
