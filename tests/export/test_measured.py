"""The figures that the Export page shows of each format."""

from fmnist import paths
from fmnist.export import measured
from fmnist.export.names import FORMATS
from fmnist.reports.text import percent


def test_every_format_is_measured_as_in_the_table() -> None:
    table = (paths.BENCHMARK_TABLES / "export.md").read_text(encoding="utf-8")
    found = measured.load()
    assert "strong" in found
    for model in found.values():
        assert set(model.formats) == {measured.PYTORCH, *FORMATS}
        for each in model.formats.values():
            row = f"| {each.bytes / 1e6:.2f} | {percent(each.accuracy)} | {each.one_ms:.2f} |"
            assert row in table
