"""Predictions to numbers: metrics, calibration, significance, misclassifications."""
