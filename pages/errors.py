"""Errors: the mistakes one by one, of what kind they are, and what people say of them."""

import streamlit as st

from fmnist.dashboard import filter_bar, image_grid, layout, session
from fmnist.dashboard.context import gather
from fmnist.dashboard.errors import detail as error_detail
from fmnist.dashboard.errors import panels as error_panels
from fmnist.dashboard.errors import verdicts as verdict_panels

layout.header()
context = gather()

if context.selection.image is not None:
    error_detail.show(context, context.selection.image)
    st.stop()

filter_bar.show_controls(context)
error_panels.show_kinds(context)
error_panels.show_sort_and_filters(context)
filter_bar.show_filters(context)
image_grid.show_images(
    context,
    context.positions,
    key="error-images",
    on_pick=lambda image: session.change(image=image),
)
with st.container(horizontal=True, key="error-exports"):
    error_panels.contact_sheet_button(context)
verdict_panels.show_verdicts(context)
error_panels.show_kinds_over_epochs(context)
