"""The Draw page: canvas, uploads, answer, gallery."""
