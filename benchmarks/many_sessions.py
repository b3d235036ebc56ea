"""Steps per second of a training in the app beside many sessions, and how long their pages take.

    python benchmarks/many_sessions.py --write

Starts the real app with the real data set (FMNIST_DATA), and trains FashionCNN's original recipe
from the Train page's own button. "Alone": nobody is connected. "Idle": sessions have the Train page
open, which polls. "Clicking": each session opens another page every two seconds. The three are
measured in turn, several rounds, in one run; what counts is the ratio to "alone". The sessions are
WebSocket connections that speak Streamlit's protocol and answer its timers as a browser does, but
draw nothing: so many browsers would take the processor themselves. What they do take is measured.
"""

import argparse
import asyncio
import math
import os
import platform
import resource
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import torch
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from fmnist import paths
from fmnist.files import read_json
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.run import Run
from tools import driver
from tools.machine import processor

Way = Literal["alone", "idle", "clicking"]

TABLE = paths.BENCHMARK_TABLES / "many_sessions.md"
WAYS: Final[tuple[Way, ...]] = ("alone", "idle", "clicking")
PAGES: Final = ("train", "start", "confusion", "errors", "confidence", "data")
"""What a clicking session opens, one after the other."""
SHIPPED: Final = "fashion-cnn"
CLICK_SECONDS: Final = 2.0
BATCH: Final = 128  # images a step
LONGEST: Final = 60.0  # seconds that a page may take before the benchmark gives up


class Session:
    """A browser's side of the protocol: opens pages, presses buttons, answers timers."""

    def __init__(self, connection: websockets.ClientConnection, number: int) -> None:
        self.number = number
        self.polls = 0
        self._connection = connection
        self._pages: dict[str, str] = {}  # hashes by address
        self._page = ""
        self._query = ""
        self._buttons: dict[str, str] = {}  # ids by label
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._has_begun = False  # the page that was asked for last
        self._ended = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def open(self, name: str = "", query: str = "") -> float:
        """Open a page by its address; returns the seconds until its script has ended."""
        # a link in the sidebar has no parameters
        self._page, self._query = self._pages.get(name, ""), query
        return await self._run(BackMsg())

    async def press(self, label: str) -> None:
        """Press a button of the page."""
        message = BackMsg()
        pressed = WidgetState(id=self._buttons[label], trigger_value=True)
        message.rerun_script.widget_states.widgets.append(pressed)
        await self._run(message)

    async def close(self) -> None:
        """Leave, as by closing the tab."""
        self._stop_timers()
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        await self._connection.close()

    async def _run(self, message: BackMsg) -> float:
        self._ended.clear()
        self._has_begun = False
        begun = time.perf_counter()
        await self._send(message)
        async with asyncio.timeout(LONGEST):
            ended = asyncio.create_task(self._ended.wait())
            await asyncio.wait({ended, self._reader}, return_when=asyncio.FIRST_COMPLETED)
            if self._reader.done():
                self._reader.result()  # why the connection ended
            await ended
        return time.perf_counter() - begun

    async def _send(self, message: BackMsg) -> None:
        state = message.rerun_script
        state.page_script_hash, state.query_string = self._page, self._query
        await self._connection.send(message.SerializeToString())

    async def _read(self) -> None:
        async for content in self._connection:
            assert isinstance(content, bytes)
            message = ForwardMsg.FromString(content)
            kind = message.WhichOneof("type")
            if kind == "new_session" and not message.metadata.run.fragment_ids:
                self._has_begun = True
                self._stop_timers()
                self._buttons.clear()
            elif kind == "navigation":
                self._pages = {
                    p.url_pathname: p.page_script_hash for p in message.navigation.app_pages
                }
                self._page = message.navigation.page_script_hash
            elif kind == "page_info_changed":
                self._query = message.page_info_changed.query_string
            elif kind == "delta" and message.delta.new_element.HasField("button"):
                button = message.delta.new_element.button
                self._buttons[button.label] = button.id
            elif kind == "auto_rerun":
                self._start_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            elif kind == "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._stop_timer(fragment)
            elif kind == "script_finished":
                # the end of a page's script is dropped where that of a fragment follows at once
                early = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
                if self._has_begun and not early:
                    self._ended.set()

    def _start_timer(self, fragment: str, seconds: float) -> None:
        if fragment not in self._timers:
            self._timers[fragment] = asyncio.create_task(self._poll(fragment, seconds))

    async def _poll(self, fragment: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            message = BackMsg()
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
            await self._send(message)
            self.polls += 1

    def _stop_timer(self, fragment: str) -> None:
        timer = self._timers.pop(fragment, None)
        if timer:
            timer.cancel()

    def _stop_timers(self) -> None:
        for fragment in list(self._timers):
            self._stop_timer(fragment)


async def connect(url: str, number: int = 0, run: str = "") -> Session:
    """A new session that has opened the app, and a run, by default the one that trains."""
    address = f"ws://{urlsplit(url).netloc}/_stcore/stream"
    connection = await websockets.connect(
        address, subprotocols=[websockets.Subprotocol("streamlit")], max_size=None
    )
    session = Session(connection, number)
    await session.open(query=f"run={run}" if run else "")
    return session


async def start_training(url: str) -> None:
    """Press the Train page's button for FashionCNN's original recipe."""
    session = await connect(url)
    await session.open("train")
    await session.press("Original recipe")
    await session.press("Start training")
    await session.close()


def only_run(artifacts: Path) -> Run:
    """The run that trains."""
    (run,) = store.list_runs(artifacts / "runs")
    return run


async def pace(status: Path, until: float) -> float:
    """Steps a second until a moment, evaluations aside, from what the training reports."""
    steps, seconds, last = 0, 0.0, -1
    while time.monotonic() < until:
        now = read_json(status)
        if now["phase"] == "training" and now["step"] > last:
            if last >= 0 and now["images_per_second"]:
                steps += now["step"] - last
                seconds += (now["step"] - last) * BATCH / now["images_per_second"]
            last = now["step"]
        elif now["phase"] != "training":
            last = -1
        await asyncio.sleep(0.5)  # it reports about once a second
    return steps / seconds if seconds else 0.0


async def click(session: Session, pages: list[float], until: float) -> None:
    """Open one page after the other, two seconds apart, as far as the server keeps up."""
    due = time.monotonic() + session.number * CLICK_SECONDS / 20
    turn = session.number
    while due < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        pages.append(await session.open(PAGES[turn % len(PAGES)]))
        turn += 1
        due = max(due + CLICK_SECONDS, time.monotonic())


class App(NamedTuple):
    """The server that is measured."""

    url: str
    artifacts: Path
    pid: int


@dataclass
class Measured:
    """What was measured in one way.

    Attributes
    ----------
    paces : list of float
        Steps a second, of each round.
    pages : list of float
        Seconds of each page that was opened.
    polls : int
        Timers that were answered.
    clients, server : list of float
        Cores that the sessions themselves and the server took, of each round.
    """

    paces: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    polls: int = 0
    clients: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)


def server_seconds(pid: int) -> float:
    """Processor seconds of the server without the training, which is a process of its own."""
    try:
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan  # not on Linux
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure_way(app: App, way: Way, sessions: int, seconds: float, result: Measured) -> None:
    """Measure one way for so many seconds."""
    url, artifacts, pid = app
    numbers = range(sessions if way != "alone" else 0)
    # half of those who click look into the shipped model, the others into the run that trains
    runs = [SHIPPED if way == "clicking" and number % 2 else "" for number in numbers]
    connected = await asyncio.gather(*map(connect, [url] * len(runs), numbers, runs))
    await asyncio.gather(*(session.open("train") for session in connected))
    await asyncio.sleep(3)  # the status is a second old at most; the pace settles
    polls = sum(session.polls for session in connected)
    begun, used, served = time.monotonic(), own_seconds(), server_seconds(pid)
    until = begun + seconds
    paced = asyncio.create_task(pace(only_run(artifacts).status_path, until))
    if way == "clicking":
        await asyncio.gather(*(click(session, result.pages, until) for session in connected))
    result.paces.append(await paced)
    elapsed = time.monotonic() - begun
    result.clients.append((own_seconds() - used) / elapsed)
    result.server.append((server_seconds(pid) - served) / elapsed)
    result.polls += sum(session.polls for session in connected) - polls
    for session in connected:
        await session.close()


async def measure(app: App, arguments: argparse.Namespace) -> dict[Way, Measured]:
    """Measure all ways in turn, `rounds` times."""
    url, artifacts, _ = app
    await start_training(url)
    while not only_run(artifacts).progress.step:
        await asyncio.sleep(0.5)  # no event of the run's folder says so
    for run in ("", SHIPPED):  # what is imported and read once is not measured
        warm = await connect(url, run=run)
        for page in PAGES:
            await warm.open(page)
        await warm.close()
    result = {way: Measured() for way in WAYS}
    for number in range(arguments.rounds):
        for way in WAYS:
            measured = result[way]
            await measure_way(app, way, arguments.sessions, arguments.seconds, measured)
            print(
                f"round {number + 1}, {way}: {measured.paces[-1]:.2f} steps a second, clients "
                f"{measured.clients[-1]:.2f} cores, server {measured.server[-1]:.2f} cores, "
                f"{len(measured.pages)} pages, {measured.polls} polls", flush=True,
            )  # fmt: skip
    return result


def table(result: dict[Way, Measured], arguments: argparse.Namespace, load: float) -> str:
    """The result as a Markdown document."""
    rows = []
    for way, measured in result.items():
        ratios = [a / b for a, b in zip(measured.paces, result["alone"].paces, strict=True)]
        pages = np.percentile(measured.pages, (50, 95)) if measured.pages else None
        rows.append(
            [
                way,
                f"{statistics.median(measured.paces):.2f}",
                percent(statistics.median(ratios), 0),
                "–" if pages is None else f"{pages[0]:.2f}",
                "–" if pages is None else f"{pages[1]:.2f}",
                f"{len(measured.pages):,}",
                f"{measured.polls:,}",
                f"{statistics.median(measured.server):.2f}",
                f"{statistics.median(measured.clients):.2f}",
            ]
        )
    lines = [
        "# A training beside many sessions",
        "",
        f"`python benchmarks/many_sessions.py --sessions {arguments.sessions} --rounds "
        f"{arguments.rounds} --seconds {arguments.seconds:g} --write`, {date.today()}; "
        f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python "
        f"{platform.python_version()}. FashionCNN's original recipe trains in the app. Idle: "
        f"{arguments.sessions} sessions have the Train page open, which polls. Clicking: each of "
        f"them opens another page every {CLICK_SECONDS:g} s ({', '.join(PAGES)}), half of them "
        "with the shipped model, the others with the run that trains. The ways are "
        "measured in turn; steps per second are medians over the rounds, and so are the ratios to "
        "“alone” in the same round. A page's time is that from the click until its script has "
        "ended. The sessions speak Streamlit's protocol without a browser, on the same cores; what "
        "they take, and the server without the training, is in the last columns. What else the "
        f"machine did: load average {load:.1f} before the measurement.",
        "",
        markdown_table(
            [
                "", "steps / s", "of alone", "page, median (s)", "page, p95 (s)", "pages",
                "polls", "server (cores)", "clients (cores)",
            ],
            rows,
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each way and round")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        url, server = driver.start_app(Path(folder) / "log", FMNIST_ARTIFACTS=folder)
        try:
            result = asyncio.run(measure(App(url, Path(folder), server.pid), arguments))
        finally:
            driver.stop_app(server)
    text = table(result, arguments, load)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
