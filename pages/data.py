"""Data: the images that the models learn from."""

import streamlit as st

from fmnist.dashboard import cache, layout, session
from fmnist.dashboard.data import panels

layout.header()
dataset = layout.load_dataset()
if dataset is None:
    session.end_page()

protocol, name = panels.choose_split()
split = cache.split(dataset, dataset.checksum, protocol, name)
key = f"{dataset.checksum}-{protocol}-{name}"

st.subheader("Samples", anchor=False)
panels.show_samples(split, key)
st.subheader("Mean image of each class", anchor=False)
panels.show_means(split, key)
st.subheader("Classes in each split", anchor=False)
panels.show_distribution(dataset, protocol)
st.subheader("Pixel statistics", anchor=False)
panels.show_pixels(split, key)
