"""Numbers to charts, model cards, benchmark tables, images and CSV."""
