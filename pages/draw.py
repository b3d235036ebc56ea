"""Draw: a garment of one's own, and what a network takes it for, stroke by stroke."""

from fmnist.dashboard import layout
from fmnist.dashboard.draw import answer as draw_answer
from fmnist.dashboard.draw import board as draw_board
from fmnist.dashboard.draw import gallery as draw_gallery
from fmnist.dashboard.draw import sources as draw_sources
from fmnist.dashboard.draw import studio as draw_studio

layout.header()
draw_studio.show()
draw_sources.show()
draw_answer.show_preparation(draw_board.board())
draw_gallery.show()
