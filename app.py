"""Page configuration, navigation and the sidebar's run picker. Run: streamlit run app.py"""

from pathlib import Path

import streamlit as st

from fmnist.dashboard.navigation import ADDRESS, PAGES, REQUESTED

# An icon by name would be fetched from a font host, on every page.
ICON = Path(__file__).parent / "fmnist" / "dashboard" / "icon.svg"
st.set_page_config(page_title="Fashion-MNIST lab", page_icon=ICON, layout="wide")

pages = {
    name: st.Page(
        f"pages/{name}.py",
        title=text.title,
        icon=text.icon,
        default=name == "start",
        help=text.help,
    )
    for name, text in PAGES.items()
}
# A link in the sidebar drops the parameters. Written before the browser gets the page's address,
# they become part of it; later, they would be one more entry in its history.
if ADDRESS in st.session_state and not st.query_params:
    st.query_params.from_dict(st.session_state[ADDRESS])
page = st.navigation(list(pages.values()))

# The first words come before the imports below, which take longer than all of the above.
opened = next(name for name, candidate in pages.items() if candidate == page)
text = PAGES.get(st.session_state.get(REQUESTED, opened), PAGES[opened])
st.title(text.heading, anchor=False)
st.caption(text.caption)

from fmnist.dashboard import failures, layout, run_catalog, session, warm_up  # noqa: E402

layout.check_folders()
with failures.shown():
    run_catalog.sweep()
    session.sync()
    requested = session.requested_page()
    if requested in pages:
        st.switch_page(pages[requested], query_params=dict(st.query_params))

    with st.sidebar, failures.shown():
        layout.run_picker()
        layout.training_status()
        session.write_address_later()

    try:
        page.run()
    finally:  # a page may stop or be redrawn before its end
        warm_up.start()
