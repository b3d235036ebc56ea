"""Explain: why a model predicts what it does, for an image, a drawing or many images."""

from fmnist.dashboard import filter_bar, image_grid, layout, session
from fmnist.dashboard.context import gather
from fmnist.dashboard.explain import panels, subject_panel

layout.header()
context = gather()
filter_bar.show_controls(context)
subject_panel.show_choice(context)
subject = subject_panel.show_subject(context)
if subject is not None:
    panels.show(subject)
if context.selection.subject != "drawing":
    filter_bar.show_filters(context)
    if len(context.positions) or subject is not None:  # else it is said above
        image_grid.show_images(
            context,
            context.positions,
            key="explain-images",
            on_pick=lambda image: session.change(image=image, subject="image"),
        )
