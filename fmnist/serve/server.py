"""Runs the application in a process of its own."""

import socket
from collections.abc import Collection
from typing import Final

import uvicorn

from fmnist.errors import ToldError, sentence
from fmnist.serve.application import create_app
from fmnist.serve.guard import LOCAL
from fmnist.serve.metrics import Metrics
from fmnist.serve.models import Models

_BACKLOG: Final = 128


class ServeError(ToldError):
    """The server cannot start; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for requests.

    Parameters
    ----------
    host : str
    port : int
        0 for a free one.

    Raises
    ------
    ServeError
        If the port is taken, or the host is no address of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(_BACKLOG)
        except BaseException:
            made.close()
            raise
    except OSError as error:
        raise ServeError(
            sentence(error, f"Port {port} of {host} cannot be used; choose another with --port")
        ) from error
    return made


def address_of(listening: socket.socket) -> str:
    """The address that people open."""
    host, port = listening.getsockname()[:2]
    local = ("127.0.0.1", "::1", "0.0.0.0", "::")
    shown = "localhost" if host in local else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def serve(
    models: Models,
    metrics: Metrics,
    listening: socket.socket,
    *,
    allowed_hosts: Collection[str] = LOCAL,
) -> None:
    """Answer requests until a signal ends it; what is under way then is answered first."""
    app = create_app(models, metrics, allowed_hosts=allowed_hosts)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off",
        backlog=_BACKLOG, timeout_graceful_shutdown=10,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])
