"""Page configuration, navigation and the sidebar's run picker. Run: streamlit run app.py"""

from pathlib import Path

import streamlit as st

from fmnist.dashboard import layout, session

# an icon by name would be fetched from a font host, on every page
ICON = Path(__file__).parent / "fmnist" / "dashboard" / "icon.svg"
st.set_page_config(page_title="Fashion-MNIST lab", page_icon=ICON, layout="wide")

pages = {
    "start": st.Page(
        "pages/start.py",
        title="Start",
        icon=":material/home:",
        default=True,
        help="The open run at a glance: accuracy, confusion matrix, a few mistakes.",
    ),
    "train": st.Page(
        "pages/train.py",
        title="Train",
        icon=":material/model_training:",
        help="Train a network, watch it learn, and look after your runs.",
    ),
    "confusion": st.Page(
        "pages/confusion.py",
        title="Confusion",
        icon=":material/grid_on:",
        help="What the run takes for what, and the images behind every number.",
    ),
    "errors": st.Page(
        "pages/errors.py",
        title="Errors",
        icon=":material/image_search:",
        help="The mistakes one by one: kinds, details, nearest training images, your verdicts.",
    ),
    "confidence": st.Page(
        "pages/confidence.py",
        title="Confidence",
        icon=":material/speed:",
        help="How sure it is, and whether it is right to be: histograms, calibration, abstaining.",
    ),
    "compare": st.Page(
        "pages/compare.py",
        title="Compare",
        icon=":material/compare_arrows:",
        help="Runs side by side: a table, curves, settings, size and time, classes, significance.",
    ),
    "draw": st.Page(
        "pages/draw.py",
        title="Draw",
        icon=":material/draw:",
        help="Draw a garment, and see what a network takes it for while you draw.",
    ),
    "data": st.Page(
        "pages/data.py",
        title="Data",
        icon=":material/photo_library:",
        help="The images the networks learn from: classes, samples, means, pixels.",
    ),
}
page = st.navigation(list(pages.values()))

session.sync()
wanted = session.requested_page()
if wanted in pages:
    st.switch_page(pages[wanted], query_params=dict(st.query_params))

with st.sidebar:
    layout.run_picker()
    layout.training_status()

page.run()
