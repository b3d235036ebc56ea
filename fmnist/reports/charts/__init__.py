"""Charts from arrays, in colors that work on light and on dark backgrounds; a file a subject."""

from fmnist.reports.charts.calibration import reliability_diagram, risk_coverage_curve, set_sizes
from fmnist.reports.charts.comparison import (
    RUN_COLORS,
    RunPoint,
    accuracy_against,
    class_accuracies,
    run_colors,
    severity_curves,
)
from fmnist.reports.charts.confidence import class_histograms, measure_histogram
from fmnist.reports.charts.confusion import (
    confidence_of_two_cells,
    confusion_colors,
    css_colors,
    difference_colors,
)
from fmnist.reports.charts.curves import Band, RunCurve, accuracy_curves, loss_curves, run_curves
from fmnist.reports.charts.data import class_distribution, pixel_histogram
from fmnist.reports.charts.learning_curve import learning_curves
from fmnist.reports.charts.misclassifications import error_types_over_epochs
from fmnist.reports.charts.single_image import (
    prediction_history,
    probability_bars,
    probability_curves,
)
from fmnist.reports.charts.sweeps import (
    TrialCurve,
    TriedSetting,
    importance_bars,
    sweep_curves,
    tried_settings,
)
from fmnist.reports.charts.theme import (
    BEST_COLOR,
    CLASS_COLORS,
    CORRECT_COLOR,
    MISCLASSIFIED_COLOR,
    MONITORED_COLOR,
    OTHER_COLOR,
    OWN_COLORS,
    TRAIN_COLOR,
)

__all__ = [
    "BEST_COLOR",
    "CLASS_COLORS",
    "CORRECT_COLOR",
    "MISCLASSIFIED_COLOR",
    "MONITORED_COLOR",
    "OTHER_COLOR",
    "OWN_COLORS",
    "RUN_COLORS",
    "TRAIN_COLOR",
    "Band",
    "RunCurve",
    "RunPoint",
    "TrialCurve",
    "TriedSetting",
    "accuracy_against",
    "accuracy_curves",
    "class_accuracies",
    "class_distribution",
    "class_histograms",
    "confidence_of_two_cells",
    "confusion_colors",
    "css_colors",
    "difference_colors",
    "error_types_over_epochs",
    "importance_bars",
    "learning_curves",
    "loss_curves",
    "measure_histogram",
    "pixel_histogram",
    "prediction_history",
    "probability_bars",
    "probability_curves",
    "reliability_diagram",
    "risk_coverage_curve",
    "run_colors",
    "run_curves",
    "set_sizes",
    "severity_curves",
    "sweep_curves",
    "tried_settings",
]
