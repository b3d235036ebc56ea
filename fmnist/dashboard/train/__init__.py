"""The Train page: settings, launch, live curves, table of runs."""
