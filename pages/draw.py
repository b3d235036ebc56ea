"""Draw: a garment of one's own, and what a network takes it for, stroke by stroke."""

from fmnist.ui import components, draw_answer, draw_board, draw_gallery, draw_sources, draw_studio

components.header("Draw", "Draw a garment, and see what a network takes it for while you draw.")
draw_studio.show()
draw_sources.show()
draw_answer.show_preparation(draw_board.board())
draw_gallery.show()
