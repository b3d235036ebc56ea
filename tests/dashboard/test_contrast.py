"""The contrast of faded text, in both themes."""

import re
import tomllib
from typing import Final

import pytest
from PIL import ImageColor

from fmnist import paths

LEAST: Final = 4.5
"""Of text and its ground: success criterion 1.4.3 of WCAG 2.2, level AA."""


def luminance(color: list[float]) -> float:
    """Relative luminance, as WCAG defines it, of sRGB values from 0 to 255."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (one / 255 for one in color)
    ]
    return sum(w * one for w, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_prediction_can_be_read_however_faded(theme: str) -> None:
    style = paths.PROJECT / "fmnist" / "dashboard" / "components" / "web" / "prediction.css"
    opacities = [float(found) for found in re.findall(r"opacity: ([\d.]+)", style.read_text())]
    assert len(opacities) > 3
    settings = tomllib.loads((paths.PROJECT / ".streamlit" / "config.toml").read_text())
    colors = settings["theme"][theme]
    text, ground = (
        [float(value) for value in ImageColor.getrgb(colors[f"{name}Color"])[:3]]
        for name in ("text", "background")
    )
    for opacity in opacities:
        faded = [opacity * a + (1 - opacity) * b for a, b in zip(text, ground, strict=True)]
        light, dark = sorted((luminance(faded), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= LEAST, opacity
