"""The Compare page: the table of runs and the panels below it."""
