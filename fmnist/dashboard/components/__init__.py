"""Custom components of the pages, with their JavaScript and CSS."""
