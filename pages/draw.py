"""Draw: draw a garment, and see the prediction change with every stroke."""

from fmnist.dashboard import layout
from fmnist.dashboard.draw import gallery, preparation, sketchpad, sources, teach
from fmnist.dashboard.draw.canvas_state import canvas_state

layout.header()
drawings, problems = gallery.read()
sketchpad.show()
sources.show()
preparation.show_settings(canvas_state())
gallery.show(drawings, problems)
teach.show(drawings)
