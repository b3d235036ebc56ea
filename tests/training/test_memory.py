"""The memory of a step is kept for the next one."""

import platform
import subprocess
import sys

import pytest

from fmnist import paths

CODE = """
import resource, sys
import torch
from fmnist.training.memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():  # 40 MiB: glibc never keeps more than 32 in one piece by itself
    torch.ones(40 << 18)

if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(10):
    step()
before = faults()
for _ in range(5):
    step()
print((faults() - before) // 5)
"""


def faults(how: str) -> int:
    """Pages that the system clears for a step."""
    result = subprocess.run(
        [sys.executable, "-c", CODE, how],
        env=paths.child_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(result.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no mallopt")
def test_pages_are_cleared_once() -> None:
    assert faults("given back") > 10_000
    assert faults("kept") < 100
