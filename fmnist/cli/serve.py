"""The command that answers requests: serve."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import Final

from fmnist.errors import ToldError, sentence
from fmnist.runs import store
from fmnist.runs.run import RunError
from fmnist.sketchpad.recognition import OOD_MODEL

_ANY: Final = frozenset({"0.0.0.0", "::"})  # all addresses of this machine: no name to call it by
_BAR: Final = "{desc} |{bar}| {percentage:.0f}%"
_PACKAGES: Final = ("fastapi", "uvicorn", "prometheus_client", "python_multipart", "orjson")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    serve = commands.add_parser(
        "serve",
        help="answer HTTP requests with a model",
        description="Answer HTTP requests with a model, until Ctrl-C. docs/api.md describes them.",
    )
    serve.add_argument(
        "runs", nargs="+", metavar="NAME_OR_RUN_ID",
        help="a shipped model or a run; of several, the first is the default",
    )  # fmt: skip
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this computer only)"
    )
    serve.add_argument(
        "--port", type=_port, default=8000, help="port to listen on (default: 8000; 0: a free one)"
    )
    serve.add_argument(
        "--allowed-hosts", nargs="+", default=[], metavar="NAME",
        help="names under which others call this server, besides localhost",
    )  # fmt: skip
    serve.set_defaults(command=_serve)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text!r}")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise RunError(
            f'The server needs the package {missing[0]}: pip install -e ".[serve]" installs it.'
        )
    from fmnist.serve.guard import LOCAL
    from fmnist.serve.metrics import Metrics
    from fmnist.serve.models import Models
    from fmnist.serve.server import address_of, listen, serve

    names = list(dict.fromkeys(store.find_run(name).run_id for name in options.runs))
    allowed = {*LOCAL, *options.allowed_hosts, *({options.host} - _ANY)}
    metrics = Metrics()
    models = Models(
        lambda: names, default=names[0], most_open=len(names) + 1, on_batch=metrics.count_batch
    )
    # closed before the first request, too: an export under way ends with this command
    with listen(options.host, options.port) as listening, closing(models):
        for name in names:
            with _progress(name) as show:
                models.open_now(name, show)
        if models.has_detector and OOD_MODEL not in names:
            try:
                with _progress(OOD_MODEL) as show:
                    models.open_detector_now(show)
            except (ToldError, OSError) as error:
                print(sentence(error, "Drawings get no in-distribution scores"), file=sys.stderr)
        print(f"{names[0]} answers at {address_of(listening)}. Ctrl-C ends it.", flush=True)
        serve(models, metrics, listening, allowed_hosts=allowed)
    return 0


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str, float], None]]:
    """A bar while a model is exported and checked; nothing where its file is kept."""
    from tqdm import tqdm

    with tqdm(total=1.0, desc=name, bar_format=_BAR, leave=False, delay=0.2) as bar:

        def show(text: str, share: float) -> None:
            bar.set_description_str(f"{name}: {text}", refresh=False)
            bar.update(share - bar.n)

        yield show
