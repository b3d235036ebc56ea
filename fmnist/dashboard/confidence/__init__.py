"""The Confidence page: histograms, calibration, selective prediction."""
