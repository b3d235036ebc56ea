"""docs/settings.md: all settings of a training, from their definitions."""

from fmnist.reports.text import markdown_table
from fmnist.runs.config import TrainConfig
from fmnist.runs.setting import format_value


def settings_page() -> str:
    """The page in Markdown: a table for each group of settings."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    defaults = TrainConfig()
    for name, setting in TrainConfig.settings().items():
        when = f" Used only {setting.when}." if setting.when else ""
        values = setting.values if name != "model" else "see `fmnist/models/registry.py`"
        row = (
            f"`--{name.replace('_', '-')}`",
            setting.title,
            values,
            format_value(getattr(defaults, name)),
            f"{setting.help}{when}",
        )
        groups.setdefault(setting.group, []).append(row)
    titles = ("Option", "Title", "Values", "Default", "Meaning")
    parts = [
        "# Settings",
        "The settings of a training, as `TrainConfig` in `fmnist/runs/config.py` defines them. The "
        "Train page and `python -m fmnist train --help` show the same. This page is written by "
        "`python -m fmnist settings > docs/settings.md`.",
    ]
    for group, rows in groups.items():
        parts += [f"## {group}", markdown_table(titles, rows, "lllll")]
    return "\n\n".join(parts) + "\n"
