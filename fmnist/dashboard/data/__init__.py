"""The Data page: the images, their classes and their pixels."""
