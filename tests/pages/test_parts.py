"""Parts that pages share, each on a page of its own."""

from streamlit.testing.v1 import AppTest


def test_a_widget_is_set_only_where_it_shows_something_else() -> None:
    def page() -> None:
        import streamlit as st

        from fmnist.dashboard import session

        session.sync_widget("slider", st.session_state.get("wanted", 2))
        st.slider("Slider", 0, 5, key="slider")

    app = AppTest.from_function(page, default_timeout=60).run()
    assert app.slider[0].value == 2
    app.run()
    # else the browser would move the slider back under a hand that has moved on
    assert not app.slider[0].proto.set_value
    app.session_state["wanted"] = 4
    app.run()
    assert app.slider[0].value == 4
    assert app.slider[0].proto.set_value


def test_the_place_of_a_run_holds_nothing_of_the_run_before() -> None:
    def page() -> None:
        import streamlit as st

        from fmnist.dashboard.train import run_panel

        with run_panel.stage(st.session_state["run"]):
            st.text(st.session_state["run"])

    def places(run: str) -> list[str]:
        app.session_state["run"] = run
        app.run()
        return [place.type for _, place in sorted(app.main.children.items())]

    app = AppTest.from_function(page, default_timeout=60)
    first = places("a")
    assert sorted(first) == ["empty", "flex_container"]
    assert places("a") == first  # in place: a chart stays as it is
    assert places("b") == first[::-1]
    assert places("b") == first[::-1]
    assert places("a") == first
