"""The machine that a benchmark runs on."""

import os
import platform
from pathlib import Path


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def other_programs() -> str:
    """A sentence on what else runs now, for a table; empty where nothing does."""
    waiting = os.getloadavg()[0]
    if waiting <= 0.5:
        return ""
    return f"Other programs were running: {waiting:.1f} processes wanted a core before it began."
