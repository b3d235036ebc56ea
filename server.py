"""The app, with the API under /api. Run: streamlit run server.py

Streamlit looks for `app = st.App(…)` in this file's text. The script that it runs for each visitor
must be another file.
"""

from pathlib import Path

import streamlit as st

try:
    from fmnist.dashboard import api
except ModuleNotFoundError as error:
    raise SystemExit(
        f'The API needs the package {error.name}. Install it: pip install -e ".[serve]"'
    ) from error

app = st.App(
    Path(__file__).with_name("app.py"),
    routes=api.routes(),
    lifespan=api.lifespan,
)
