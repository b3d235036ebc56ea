"""The Streamlit app: what pages share, and a folder for each page."""
