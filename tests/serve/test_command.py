"""`python -m fmnist serve` in a process of its own, and the documentation's commands in a shell."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.runs.run import Run
from fmnist.serve.documentation import SAMPLES
from fmnist.sketchpad.recognition import OOD_MODEL

# as the command, with the shipped models of these tests, and with its connections printed
SERVER = """
import sys
from pathlib import Path
from fmnist import paths

paths.pretrained_folder = lambda: Path(sys.argv[1])
paths.benchmark_folder = lambda: Path(sys.argv[1]) / "none"

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        print("asks for", arguments[1] if event == "socket.connect" else arguments[0], flush=True)

sys.addaudithook(watch)
from fmnist.cli import main
sys.exit(main(sys.argv[2:]))
"""


class Server:
    """A server, its address, and what it has printed."""

    def __init__(self, pretrained: Path, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(pretrained), "serve", *arguments],
                env=paths.child_environment(), stdout=subprocess.PIPE, stderr=stream, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if found := re.search(r"answers at (http://\S+:\d+)\. ", line):
                self.address = found[1]
                return
        raise AssertionError(f"{self.said}{log.read_text()}")

    def end(self) -> str:
        """Ask it to end; what it has printed."""
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=60)
        return self.said + rest + self._log.read_text()


@pytest.fixture(scope="module")
def server(artifacts: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("log") / "log"
    made = Server(artifacts / "pretrained", log, run.run_id, OOD_MODEL, "--port", "0")
    yield made
    made.process.kill()
    made.process.communicate()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_documented_commands_work_in_a_shell(server: Server, tmp_path: Path) -> None:
    with urllib.request.urlopen(f"{server.address}/openapi.json") as answer:
        document = json.load(answer)
    samples = {
        (path, sample["label"]): sample["source"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for sample in operation["x-codeSamples"]
    }
    assert samples.keys() == {(path, title) for path, titles in SAMPLES.items() for title in titles}
    for (path, title), command in samples.items():
        assert server.address in command
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path, capture_output=True
        )
        assert result.returncode == 0, result.stderr
        if path == "/predict":
            (answered,) = json.loads(result.stdout)["predictions"]
            assert sum(answered["probabilities"].values()) == pytest.approx(1), title
        elif path == "/example.png":
            assert (tmp_path / "example.png").read_bytes().startswith(b"\x89PNG")
        elif path != "/metrics":
            assert json.loads(result.stdout)


def test_it_answers_under_its_own_names_only(server: Server) -> None:
    port = server.address.rpartition(":")[2]
    for name, status in (("localhost", 200), ("127.0.0.1", 200), ("evil.example", 421)):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/health", headers={"Host": f"{name}:{port}"}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                assert answer.status == status
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status


def test_a_signal_ends_it_and_it_has_asked_no_other_machine(server: Server) -> None:
    printed = server.end()
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in printed
    asked = re.findall(r"asks for (.*)", printed)
    assert [one for one in asked if "127.0.0.1" not in one and "::1" not in one] == []


def test_a_missing_package_is_told(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist.cli.serve.find_spec", lambda name: name != "orjson" or None)
    assert main(["serve", run.run_id]) == 1
    told = capsys.readouterr().err
    assert told == 'The server needs the package orjson: pip install -e ".[serve]" installs it.\n'


def test_the_app_s_server_tells_of_a_missing_package(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(name='fastapi')")
    result = subprocess.run(
        [sys.executable, "-c", "import server"], cwd=paths.PROJECT, text=True, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        'The API needs the package fastapi. Install it: pip install -e ".[serve]"'
    )


def test_what_prevents_a_start_is_told(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "nothing"]) == 1
    assert "There is no run 'nothing'" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", run.run_id, "--port", str(port)]) == 1
        assert f"Port {port} of 127.0.0.1 cannot be used" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["serve", run.run_id, "--port", "99999"])
    assert "must be a number from 0 to 65535" in capsys.readouterr().err
    assert main(["serve", run.run_id, "--host", "203.0.113.1"]) == 1  # of no machine
    assert "203.0.113.1 cannot be used" in capsys.readouterr().err
