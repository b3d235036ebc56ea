"""What a run is: its settings, its history, its folder, and the folder of all runs."""
