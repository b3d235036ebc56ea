"""Errors: the mistakes one by one, of what kind they are, and what people say of them."""

import streamlit as st

from fmnist.dashboard import context as linked
from fmnist.dashboard import layout as components
from fmnist.dashboard import session as state
from fmnist.dashboard.errors import detail as error_detail
from fmnist.dashboard.errors import panels as error_panels
from fmnist.dashboard.errors import verdicts as verdict_panels

components.header(
    "Errors",
    "The images behind the figures, the most confident mistakes first. Open one to see why, and "
    "say whose mistake it is.",
)
here = linked.current()

if here.selection.image is not None:
    error_detail.show(here, here.selection.image)
    st.stop()

linked.controls(here)
error_panels.show_kinds(here)
error_panels.filters(here)
linked.chips(here)
linked.image_pages(
    here, here.positions, key="error-images", on_pick=lambda image: state.change(image=image)
)
with st.container(horizontal=True, key="error-exports"):
    error_panels.contact_sheet_button(here)
verdict_panels.show_verdicts(here)
error_panels.show_kinds_over_epochs(here)
