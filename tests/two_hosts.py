"""Two hosts on one machine: network namespaces with a cable between them."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

HOSTS = ("fmnist-a", "fmnist-b")
ADDRESSES = ("10.77.0.1", "10.77.0.2")


@pytest.fixture
def two_hosts() -> Iterator[None]:
    """Two network namespaces with a cable between them."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("two network namespaces need root and the program ip (Debian: iproute2)")

    def ip(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["ip", *words], capture_output=True, text=True)

    def remove() -> None:
        for host in HOSTS:
            ip("netns", "delete", host)

    remove()
    try:
        made = [ip("netns", "add", host) for host in HOSTS]
        made.append(
            ip(
                "link",
                "add",
                "eth0",
                "netns",
                HOSTS[0],
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                HOSTS[1],
            )
        )
        for host, address in zip(HOSTS, ADDRESSES, strict=True):
            made.append(ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0"))
            made += [ip("-n", host, "link", "set", device, "up") for device in ("lo", "eth0")]
        problem = next((each.stderr for each in made if each.returncode), None)
        if problem:
            pytest.skip(f"no network namespaces can be made here: {problem.strip()}")
        yield
    finally:
        remove()
