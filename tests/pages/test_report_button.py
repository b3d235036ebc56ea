"""The buttons that download reports: where they are, what they give, what they refuse."""

import pytest
from streamlit.testing.v1 import AppTest

from fmnist.dashboard import cache, report_button
from fmnist.models.sizes import Size
from fmnist.reports.reporting import report
from fmnist.runs.run import Run
from tests.pages.test_compare import two
from tests.pages.test_pages import finished, machine, open_app, text

__all__ = ["finished", "machine", "two"]  # fixtures


def buttons(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]


def test_the_export_page_offers_a_report_of_the_open_run(two: tuple[Run, Run]) -> None:
    finished, _ = two
    app = open_app("export", run=finished.run_id)
    assert "Download the report" in buttons(app)
    assert "as one HTML file to read, send and print" in text(app)
    assert f"python -m fmnist report {finished.run_id}" in [code.value for code in app.code]


def test_a_damaged_evaluation_is_told_in_place_of_the_button(two: tuple[Run, Run]) -> None:
    finished, _ = two
    finished.evaluation_path("test").write_bytes(b"damaged")
    app = open_app("export", run=finished.run_id)
    assert "Download the report" not in buttons(app)
    assert any("is broken" in error.value for error in app.error)
    assert not app.exception


def test_compare_offers_a_report_of_the_runs_side_by_side(two: tuple[Run, Run]) -> None:
    app = open_app("compare", runs=f"{two[0].run_id}~{two[1].run_id}")
    assert "Report" in buttons(app)


def test_what_a_button_gives_is_the_report(
    two: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"fashion-cnn": Size(1234, 5678)}
    monkeypatch.setattr(cache, "model_sizes", lambda: sizes)
    for runs in (two, two[:1]):
        given = report_button._written(runs)
        assert given.decode() == report(runs, dataset=report_button._dataset(runs[0]), sizes=sizes)
        assert b"1,234" in given
