"""Charts from arrays, in colors that work on light and on dark backgrounds; a file a subject."""

from fmnist.reports.charts.calibration import reliability_diagram, risk_coverage_curve
from fmnist.reports.charts.comparison import (
    RUN_COLORS,
    RunPoint,
    accuracy_against,
    class_dots,
    run_colors,
)
from fmnist.reports.charts.confidence import class_histograms, measure_histogram
from fmnist.reports.charts.confusion import confusion_colors, difference_colors, two_confidences
from fmnist.reports.charts.curves import RunCurve, accuracy_curves, loss_curves, run_curves
from fmnist.reports.charts.data import class_distribution, pixel_histogram
from fmnist.reports.charts.misclassifications import kinds_over_epochs
from fmnist.reports.charts.single_image import learning_curve, probability_bars
from fmnist.reports.charts.theme import (
    BEST_COLOR,
    CLASS_COLORS,
    CORRECT_COLOR,
    MEASURED_COLOR,
    OTHER_COLOR,
    TRAIN_COLOR,
    WRONG_COLOR,
)

__all__ = [
    "BEST_COLOR",
    "CLASS_COLORS",
    "CORRECT_COLOR",
    "MEASURED_COLOR",
    "OTHER_COLOR",
    "RUN_COLORS",
    "TRAIN_COLOR",
    "WRONG_COLOR",
    "RunCurve",
    "RunPoint",
    "accuracy_against",
    "accuracy_curves",
    "class_distribution",
    "class_dots",
    "class_histograms",
    "confusion_colors",
    "difference_colors",
    "kinds_over_epochs",
    "learning_curve",
    "loss_curves",
    "measure_histogram",
    "pixel_histogram",
    "probability_bars",
    "reliability_diagram",
    "risk_coverage_curve",
    "run_colors",
    "run_curves",
    "two_confidences",
]
