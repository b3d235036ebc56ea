"""Draw: draw a garment, and see the prediction change with every stroke."""

from fmnist.dashboard import layout
from fmnist.dashboard.draw import gallery, preparation, sketchpad, sources
from fmnist.dashboard.draw.canvas_state import canvas_state

layout.header()
sketchpad.show()
sources.show()
preparation.show_settings(canvas_state())
gallery.show()
