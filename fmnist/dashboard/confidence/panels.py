"""The tabs of the Confidence page."""

from collections.abc import Callable, Mapping
from typing import Final

from fmnist.dashboard.confidence.calibration import show_calibration
from fmnist.dashboard.confidence.histograms import show_histograms
from fmnist.dashboard.confidence.prediction_sets import show_prediction_sets
from fmnist.dashboard.confidence.selective_prediction import show_selective_prediction
from fmnist.dashboard.context import PageContext

PANELS: Final[Mapping[str, Callable[[PageContext], None]]] = {
    "Histograms": show_histograms,
    "Calibration": show_calibration,
    "Selective prediction": show_selective_prediction,
    "Prediction sets": show_prediction_sets,
}
