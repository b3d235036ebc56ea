"""Data: the images that the models learn from."""

from fmnist.dashboard import layout, session
from fmnist.dashboard.data import panels, suspects

layout.header()
dataset = layout.load_dataset()
if dataset is None:
    session.end_page()

for title, tab in layout.open_tabs(("Images", "Suspect labels"), key="data-panel"):
    with tab:
        if title == "Images":
            panels.show_images(dataset)
        else:
            suspects.show(dataset)
