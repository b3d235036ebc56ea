"""Sweeps: many runs of one recipe with settings that Optuna chooses, by any number of workers."""
