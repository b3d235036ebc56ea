"""What one request, and all of them together, may cost the server."""

from typing import Final

from fmnist.sketchpad import canvas, uploads

MAX_BODY: Final = uploads.MAX_BYTES
"""Bytes of a body with pictures; those above one MB wait on the disk until they are decoded."""
MAX_JSON: Final = 4 * 2**20
"""Bytes of a JSON body: the most images take 1 MB, the most points of a drawing 2 MB."""
MAX_IMAGES: Final = 256
MAX_PICTURES: Final = 16
MAX_STROKES: Final = canvas.MAX_SHAPES
MAX_POINTS: Final = canvas.MAX_POINTS
MAX_COORDINATE: Final = 1e6
MAX_REQUESTS: Final = 64
"""Requests under way at a time; more are sent away, to come back later."""
SECONDS: Final = 30.0
"""How long a request may take, from its head to its answer."""
MAX_BATCH: Final = 64
"""Images computed at once: more gain nothing, and those that come meanwhile wait longer."""
