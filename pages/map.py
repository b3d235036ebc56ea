"""Map: all images of a split, near where they look alike to the model."""

from fmnist.dashboard import filter_bar, image_grid, layout
from fmnist.dashboard.context import gather
from fmnist.dashboard.map import panels

layout.header()
context = gather(with_verdicts=True)
filter_bar.show_controls(context)
panels.show(context)
filter_bar.show_filters(context)
image_grid.show_images(context, context.positions, key="map-images")
