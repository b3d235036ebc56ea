"""Errors: the misclassified images one by one, their types, and verdicts on them."""

from fmnist.dashboard import filter_bar, image_grid, layout, session
from fmnist.dashboard.context import gather
from fmnist.dashboard.errors import detail, named_slices, panels, verdicts, weak_slices

layout.header()
context = gather(with_verdicts=True)

if context.selection.image is not None:
    detail.show(context, context.selection.image)
else:
    filter_bar.show_controls(context)
    panels.show_error_types(context)
    weak_slices.show(context)
    named_slices.show(context)
    panels.show_sort_and_filters(context)
    filter_bar.show_filters(context)
    image_grid.show_images(
        context,
        context.positions,
        key="error-images",
        on_pick=lambda image: session.change(image=image),
    )
    panels.contact_sheet_button(context)
    verdicts.show_verdicts(context)
    panels.show_error_types_over_epochs(context)
