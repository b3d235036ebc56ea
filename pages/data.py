"""Data: the images that the models learn from."""

from fmnist.dashboard import layout, session
from fmnist.dashboard.data import duplicates, dynamics, learning_curve, odd_images, panels, suspects

layout.header()
dataset = layout.load_dataset()
if dataset is None:
    session.end_page()

TABS = (
    "Images",
    "Suspect labels",
    "Duplicates",
    "Odd images",
    "Training dynamics",
    "Learning curve",
)
for title, tab in layout.open_tabs(TABS, key="data-panel"):
    with tab:
        if title == "Images":
            panels.show_images(dataset)
        elif title == "Suspect labels":
            suspects.show(dataset)
        elif title == "Duplicates":
            duplicates.show(dataset)
        elif title == "Odd images":
            odd_images.show(dataset)
        elif title == "Training dynamics":
            dynamics.show(dataset)
        else:
            learning_curve.show(dataset)
