"""The Sweeps page: what is tried, how it goes, what mattered, the one run that is measured."""
