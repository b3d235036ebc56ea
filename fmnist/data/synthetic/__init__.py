"""What the project draws itself: strokes, garments, sketches, and other things."""
