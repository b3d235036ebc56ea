"""The Map page: all images of a split in the plane."""
