"""Widgets that the browser remembers, so that a person finds a table again as it was left.

They are in a cookie, as the address bar says what is looked at, not how. The browser sends it
before the first page is drawn. So several people at one app each find their own, and the server
keeps nothing.
"""

import json
from collections.abc import Container
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

import streamlit as st

from fmnist.dashboard.components.clickable import register
from fmnist.files import parse_json

Value = bool | int | str | list[str] | None
"""What a widget may be set to."""

_COOKIE: Final = register("remembered", "")
_LONGEST: Final = 1500
"""Characters of a cookie: a server refuses a request whose cookies, those of other programs at the
same host included, are longer than 8,192 together."""


@dataclass(frozen=True)
class Remembered:
    """The widgets of a table.

    Attributes
    ----------
    name : str
        Of the cookie.
    """

    name: str

    def begin(self, key: str, default: Value, options: Container[object] | None = None) -> None:
        """Give a widget its first value; call this before the widget, which takes no default.

        Parameters
        ----------
        key : str
            The widget's key; it has `persist_state="session"`.
        default : bool, int, str, list of str or None
            Its value where the browser remembers none; None for a select box with nothing selected.
        options : container, optional
            What can be chosen now. A remembered value that cannot is the default; of several, those
            that can are left.
        """
        st.session_state.setdefault(self.name, {}).setdefault(key, default)
        if key in st.session_state:
            return
        value = (self._received() or {}).get(key, default)
        if type(value) is not (str if default is None else type(default)):
            value = default
        elif options is not None and isinstance(value, list):
            value = [each for each in value if each in options]
        elif options is not None and value not in options:
            value = default
        st.session_state[key] = value

    def write(self) -> None:
        """Send the values that are not the default to the browser; call this after the widgets."""
        received = self._received()
        if received is None:
            st.caption(
                ":material/restart_alt: What the browser remembered of this table cannot be read; "
                "it begins anew."
            )
        values = received or {}
        for key, default in st.session_state.get(self.name, {}).items():
            values[key] = st.session_state.get(key, default)
            if values[key] == default:
                del values[key]
        text = quote(json.dumps(values, separators=(",", ":")))
        if len(text) > _LONGEST:
            st.caption("These filters are too long for the browser to remember.")
            return
        _COOKIE(key=f"{self.name}-cookie", data={"name": self.name, "text": text}, height=1)

    def _received(self) -> dict[str, Value] | None:
        """The values that the browser sent when the visit began; None where they are damaged."""
        from pydantic import ConfigDict, TypeAdapter  # importing it takes a while

        text = st.context.cookies.to_dict().get(self.name)
        if not text:
            return {}
        adapter = TypeAdapter(dict[str, Value], config=ConfigDict(strict=True))
        try:
            return adapter.validate_python(parse_json(unquote(text)))
        except ValueError:
            return None
