"""The pages: titles, icons and the first words of each.

`app.py` draws them before it imports anything that takes time, so this module imports nothing.
"""

from typing import Final, NamedTuple

REQUESTED: Final = "requested-page"
"""Key, in the session, of the page to open next."""
ADDRESS: Final = "address"
"""Key, in the session, of the query parameters that the app wrote last."""


class PageText(NamedTuple):
    """What a page is called and what it is for."""

    title: str  # in the sidebar
    icon: str
    help: str  # in the sidebar, when pointed at
    heading: str
    caption: str


PAGES: Final = {
    "start": PageText(
        "Start",
        ":material/home:",
        "The open run at a glance: accuracy, confusion matrix, some misclassified images.",
        "Fashion-MNIST lab",
        "Train image classifiers on Fashion-MNIST, watch them learn, and find out where and why "
        "they fail.",
    ),
    "train": PageText(
        "Train",
        ":material/model_training:",
        "Train a model, watch it learn, and manage your runs.",
        "Train",
        "Start a run, and follow its loss and accuracy. It continues in the background: you can "
        "leave this page, or close the browser.",
    ),
    "sweeps": PageText(
        "Sweeps",
        ":material/tune:",
        "Train many runs with other settings, and find out which settings matter.",
        "Sweeps",
        "Try several settings: each run learns from those before. Watch them, see what matters, "
        "and take the best.",
    ),
    "confusion": PageText(
        "Confusion",
        ":material/grid_on:",
        "How often each class is predicted as another, and the images behind every number.",
        "Confusion matrix",
        "How often each class is predicted as another. Click a cell, or the name of a row or a "
        "column, to see the images.",
    ),
    "errors": PageText(
        "Errors",
        ":material/image_search:",
        "Misclassified images one by one: types, details, nearest training images, your verdicts.",
        "Errors",
        "Misclassified images, the most confident first. Open one to see its probabilities, "
        "history and nearest training images, and give your verdict.",
    ),
    "confidence": PageText(
        "Confidence",
        ":material/speed:",
        "How confident the model is, and whether it should be: histograms, calibration, "
        "selective prediction.",
        "Confidence",
        "How confident the model is, whether its confidence matches its accuracy, and how accurate "
        "its confident predictions are.",
    ),
    "explain": PageText(
        "Explain",
        ":material/frame_inspect:",
        "Why a model predicts what it does, for an image, your drawing or many images at once.",
        "Explain",
        "Why the model predicts what it does: choose an image, your drawing, or the average of the "
        "filtered images.",
    ),
    "map": PageText(
        "Map",
        ":material/scatter_plot:",
        "All images of a split in the model's feature space: near ones look alike to it.",
        "Map",
        "All images, near where they look alike to the model. Point at one to see it; draw a lasso "
        "around some to select them on all pages.",
    ),
    "compare": PageText(
        "Compare",
        ":material/compare_arrows:",
        "Runs side by side: a table, curves, settings, size and time, classes, significance.",
        "Compare",
        "Runs side by side: their accuracies, curves and settings, and whether the difference is "
        "significant.",
    ),
    "export": PageText(
        "Export",
        ":material/ios_share:",
        "Take a model with you: a file for other programs that predicts the same, and a report.",
        "Export",
        "Take the open run with you: as a model file for other programs, which is checked to "
        "predict the same, and as a report for other people.",
    ),
    "draw": PageText(
        "Draw",
        ":material/draw:",
        "Draw a garment, and see the prediction change while you draw.",
        "Draw",
        "Draw a garment, and see the prediction change while you draw.",
    ),
    "data": PageText(
        "Data",
        ":material/photo_library:",
        "The images of the data set: classes, samples, means, pixels.",
        "Data",
        "The images that the models learn from: 28×28 gray pixels, ten classes of clothes.",
    ),
}
"""The pages by their address, in the order of the sidebar."""
