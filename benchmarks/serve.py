"""Measure the API beside a plain FastAPI handler that calls PyTorch.

    python -m benchmarks.serve --write

Both answer with the same model, one process each. Clients on the same machine keep asking for one
image each, a new request as soon as the answer is there. The two servers are measured in turn,
several times; medians. The one that is not being measured waits. Needs the extra `serve`, and the
data set of the model where its export is not kept yet.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import onnxruntime
import torch

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.synthetic.garments import draw_garments
from fmnist.models.classifier import Classifier
from fmnist.reports.text import markdown_table
from fmnist.runs import store
from fmnist.runs.loading import load_run
from tools import machine

TABLE = paths.BENCHMARK_TABLES / "serve.md"
CLIENTS = (1, 8, 32)
_IMAGES = 64


@dataclass(frozen=True)
class Pace:
    """How fast a server answers.

    Attributes
    ----------
    rate : float
        Requests a second.
    p95 : float
        95th percentile of the time of an answer, in seconds.
    """

    rate: float
    p95: float


def load(name: str) -> Classifier:
    """The classifier of a shipped model or a run."""
    run = store.find_run(name)
    return load_run(run.run_id, folder=run.folder.parent)


# --- Servers ------------------------------------------------------------------------------------


def serve_plainly(name: str) -> None:
    """What people write first: a handler that checks the body, and calls PyTorch."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    from fmnist.serve.server import address_of, listen

    class Images(BaseModel):
        images: list[list[list[int]]]

    classifier = load(name)
    app = FastAPI()

    @app.post("/predict")
    def predict(body: Images) -> dict[str, list[dict[str, float]]]:
        rows = classifier.predict_proba(np.array(body.images, np.uint8)).tolist()
        return {"predictions": [dict(zip(CLASS_NAMES, row, strict=True)) for row in rows]}

    with listen("127.0.0.1", 0) as listening:
        print(f"answers at {address_of(listening)}.", flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def server(arguments: Sequence[str]) -> Iterator[int]:
    """A server in a process of its own; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], env=paths.child_environment(),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"answers at http://\S+:(\d+)\.", line):
                yield int(found[1])
                return
        raise RuntimeError("the server did not start")
    finally:
        process.terminate()
        process.wait()


# --- Clients ------------------------------------------------------------------------------------


class Client(asyncio.Protocol):
    """Asks again and again on one connection, and takes the time."""

    def __init__(self, requests: Sequence[bytes], deadline: float) -> None:
        self._requests = requests
        self._deadline = deadline
        self._number = id(self) % len(requests)
        self._received = b""
        self._asked = 0.0
        self.times: list[float] = []
        self.last = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Ask again once the answer is complete."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
        if len(body) < length:
            return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError(self._received.decode()))
            self._transport.close()
            return
        self.times.append(now - self._asked)
        self.last, self._received = body, b""
        if now < self._deadline:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell who waits."""
        if not self.ended.done():
            self.ended.set_result(None)

    def _ask(self) -> None:
        self._number = (self._number + 1) % len(self._requests)
        self._asked = time.perf_counter()
        self._transport.write(self._requests[self._number])


def requests_for(images: np.ndarray) -> list[bytes]:
    """A request for each image, as it goes over the wire."""
    bodies = [json.dumps({"images": [image.tolist()]}).encode() for image in images]
    return [
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        for body in bodies
    ]


async def _ask(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> list[float]:
    deadline = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: Client(requests, deadline), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    async with asyncio.timeout(seconds + 60):
        await asyncio.gather(*(client.ended for client in made))
    return [one for client in made for one in client.times]


def pace(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Pace:
    """How fast a server answers so many clients."""
    import uvloop

    begun = time.perf_counter()
    times = uvloop.run(_ask(port, requests, clients, seconds))
    took = time.perf_counter() - begun
    return Pace(len(times) / took, float(np.percentile(times, 95)))


# --- Table --------------------------------------------------------------------------------------


def median(paces: Sequence[Pace]) -> Pace:
    """Medians of several rounds."""
    return Pace(
        float(np.median([one.rate for one in paces])), float(np.median([one.p95 for one in paces]))
    )


def measure(name: str, rounds: int, seconds: float) -> list[list[str]]:
    """A row for each number of clients: the API, the plain handler, their ratio."""
    images, _ = draw_garments(_IMAGES, seed=0)
    requests = requests_for(images)
    rows = []
    with ExitStack() as stack:
        ports = [
            stack.enter_context(server(arguments))
            for arguments in (
                ["fmnist", "serve", name, "--port", "0"],
                ["benchmarks.serve", "--plain", "--model", name],
            )
        ]
        for port in ports:  # a first time that does not count
            pace(port, requests, 8, 1.0)
        for clients in CLIENTS:
            measured: list[list[Pace]] = [[], []]
            for _ in range(rounds):
                for port, paces in zip(ports, measured, strict=True):
                    paces.append(pace(port, requests, clients, seconds))
            ours, plain = map(median, measured)
            rows.append([
                str(clients), f"{ours.rate:,.0f}", f"{plain.rate:,.0f}",
                f"{ours.rate / plain.rate:.1f}", f"{1000 * ours.p95:.1f}",
                f"{1000 * plain.p95:.1f}",
            ])  # fmt: skip
            print(*rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="small")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of one measurement")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument("--plain", action="store_true", help="be the plain handler")
    arguments = parser.parse_args()
    if arguments.plain:
        serve_plainly(arguments.model)
        return
    beside = machine.other_programs()
    rows = measure(arguments.model, arguments.rounds, arguments.seconds)
    head = [
        "# How fast the API answers",
        "",
        f"`python -m benchmarks.serve --model {arguments.model} --rounds {arguments.rounds} "
        f"--seconds {arguments.seconds:g} --write`, {date.today()}; onnxruntime "
        f"{onnxruntime.__version__}, torch {torch.__version__}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, {machine.processor()}.",
    ]
    head += ["", beside] if beside else []
    titles = ["Clients", "requests/s: API", "PyTorch", "ratio", "p95 ms: API", "PyTorch"]
    text = "\n".join([
        *head,
        "",
        f"One image a request, the model {arguments.model}; `python -m fmnist serve` beside a "
        "FastAPI handler that calls `Classifier.predict_proba`, a process each. Clients ask again "
        f"as soon as they are answered. Measured in turn, {arguments.rounds} times "
        f"{arguments.seconds:g} seconds each; medians.",
        "",
        markdown_table(titles, rows),
        "",
    ])  # fmt: skip
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
