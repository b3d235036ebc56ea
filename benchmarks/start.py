"""How long the first page takes, beside an empty Streamlit app.

    python benchmarks/start.py --write

In every round, in turn, an empty app (a title and a caption) and this one: a new server process, a
browser context that was never there, and the time from the start of the process until the first
words are on screen; for this app also until the whole page is drawn. Each is started twice a round:
cold, after its files were put out of the file cache, and warm, right after. Where the operating
system keeps the file cache to itself, the cold start is left out, and the table says so. What
counts is the ratio of one round's two times, since machines differ. Needs Playwright and Chromium.
"""

import argparse
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser

from fmnist import paths
from fmnist.reports.text import markdown_table
from tools import driver
from tools.machine import processor

TABLE: Final = paths.BENCHMARK_TABLES / "start.md"
EMPTY: Final = 'import streamlit as st\n\nst.title("Empty")\nst.caption("Nothing else.")\n'
FIRST_WORDS: Final = "[data-testid=stMain] h1"


class Start(NamedTuple):
    """Seconds from the start of a server's process."""

    words: float  # until the title is on screen
    page: float  # until the page is drawn and its script has ended


def drop_file_cache(folders: list[Path]) -> bool:
    """Put the files of folders out of the file cache; False where the system has no call for it.

    Files that another process has mapped stay.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
    return True


def time_start(browser: Browser, script: Path, log: Path, environment: dict[str, str]) -> Start:
    """Start a server, open its page in a new context, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(driver.SLOW)
    page = context.new_page()
    command = [
        sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true",
        f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none",
        "--browser.gatherUsageStats=false",
    ]  # fmt: skip
    begun = time.perf_counter()
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, cwd=script.parent, env=os.environ | environment,
            stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for_port(port, process)
        page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
        page.locator(FIRST_WORDS).first.wait_for()
        words = time.perf_counter() - begun
        page.wait_for_function(driver.QUIET)
        whole = time.perf_counter() - begun
    finally:
        context.close()
        driver.stop_app(process)
    return Start(words, whole)


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a server takes connections."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("the server ended")


def measure(browser: Browser, folder: Path, rounds: int) -> dict[str, list[tuple[Start, Start]]]:
    """Starts of the empty app and of ours, by the state of the file cache, round by round."""
    empty = folder / "empty" / "empty.py"
    empty.parent.mkdir()
    empty.write_text(EMPTY, encoding="utf-8")
    environment = {"FMNIST_ARTIFACTS": str(folder / "artifacts")}
    scripts = (empty, paths.PROJECT / "app.py")
    cached = [Path(sys.prefix), paths.PROJECT / "fmnist", paths.PROJECT / "artifacts"]
    result: dict[str, list[tuple[Start, Start]]] = {}

    def start(script: Path) -> Start:
        return time_start(browser, script, folder / "log", environment)

    for script in scripts:
        start(script)  # whatever is written on a first start is written now
    for number in range(rounds):
        for state in ("cold", "warm"):
            found = {}
            # whoever comes second finds a warmer machine, so they take turns
            for script in scripts if number % 2 == 0 else scripts[::-1]:
                if state == "cold" and not drop_file_cache(cached):
                    continue
                found[script] = start(script)
            if found:
                result.setdefault(state, []).append((found[scripts[0]], found[scripts[1]]))
                print(f"round {number + 1}, {state}: {result[state][-1]}", file=sys.stderr)
    return result


def table(result: dict[str, list[tuple[Start, Start]]], command: str) -> str:
    """The result as a Markdown document."""
    rows = []
    for state, rounds in result.items():
        cells = [(e.words, o.words, o.words / e.words, o.page, o.page / e.page) for e, o in rounds]
        medians = [statistics.median(column) for column in zip(*cells, strict=True)]
        numbered = [(str(number), found) for number, found in enumerate(cells, 1)]
        for name, found in [*numbered, ("**median**", tuple(medians))]:
            rows.append(
                (
                    state, name, f"{found[0]:.2f}", f"{found[1]:.2f}", f"{found[2]:.2f}",
                    f"{found[3]:.2f}", f"{found[4]:.2f}",
                )
            )  # fmt: skip
    titles = (
        "File cache", "Round", "Empty app: first words, s", "This app: first words, s", "Ratio",
        "This app: whole page, s", "Ratio",
    )  # fmt: skip
    cold = (
        "Cold: the files of Python's packages, of the project and of its models were put out of "
        "the file cache before the start, but for those that another process had mapped."
        if "cold" in result
        else "This system does not let a process empty the file cache, so all starts are warm."
    )
    lines = [
        "# How long a start takes",
        "",
        "Seconds from the start of the server's process until the title is on screen in Chromium, "
        "and until the whole page is drawn; an empty Streamlit app and this one in turn, a new "
        f"process and a new browser context each. {cold} Ratios are of the row's own times: this "
        "app's to the empty app's.",
        "",
        markdown_table(titles, rows),
        "",
        f"- {date.today()}, {processor()}, {os.cpu_count()} cores; load before the first round: "
        f"{os.getloadavg()[0]:.1f}",
        f"- Python {platform.python_version()}",
        f"- `{command}`",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    command = " ".join(["python benchmarks/start.py", *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as folder, driver.browser() as browser:
        result = measure(browser, Path(folder), arguments.rounds)
    text = table(result, command)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
