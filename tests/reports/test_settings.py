"""docs/settings.md is what the definitions of the settings say."""

from fmnist import paths
from fmnist.reports.settings import settings_page
from fmnist.runs.config import TrainConfig


def test_the_page_is_up_to_date() -> None:
    # if not: python -m fmnist settings > docs/settings.md
    assert (paths.PROJECT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_every_setting_is_on_the_page() -> None:
    page = settings_page()
    assert page.count("\n| `--") == len(TrainConfig.settings())
    for setting in TrainConfig.settings().values():
        assert setting.help in page and setting.when in page
