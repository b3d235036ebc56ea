"""What is reviewed by `fmnist.dashboard.label_verdicts`, and what its clicks do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import streamlit as st

from fmnist.dashboard import cache, failures
from fmnist.dashboard.components.clickable import Tile
from fmnist.data.splits import Dataset
from fmnist.evaluation.label_verdicts import LabelVerdict, LabelVerdictError, Opinions
from fmnist.reports.text import counted
from fmnist.text import plain

PAGE_SIZES: Final = (50, 100, 200)
_ERROR: Final = "label-verdict-error"
_MESSAGE: Final = "label-verdict-message"
_GIVEN: Final = "label-verdicts-given"


@dataclass(frozen=True, eq=False)
class Review:
    """What is reviewed, gathered once.

    Attributes
    ----------
    dataset : Dataset
    tiles : mapping of int to Tile
        By image, in the order of the wall.
    suggestions : mapping of int to (int or None)
        The label that is proposed for an image; None proposes to leave it out.
    key : str
        Prefix of the widgets' keys.
    reviewer : str
    opinions : mapping
        All verdicts on the data set, by image and reviewer.
    on_open : callable or None
        Shows an image elsewhere.
    """

    dataset: Dataset
    tiles: Mapping[int, Tile]
    suggestions: Mapping[int, int | None]
    key: str
    reviewer: str
    opinions: Opinions
    on_open: Callable[[int], None] | None = None

    def given(self, image: int) -> int:
        """The data set's label of an image."""
        return int(self.dataset.train_labels[image])

    def own(self, image: int) -> LabelVerdict | None:
        """The reviewer's verdict on an image."""
        return self.opinions.get(image, {}).get(self.reviewer)

    def others(self, image: int) -> list[LabelVerdict]:
        """The verdicts of the other reviewers."""
        return [v for who, v in self.opinions.get(image, {}).items() if who != self.reviewer]

    def suggested(self, image: int) -> int | None:
        """The proposed label; the given one where nothing is proposed."""
        return self.suggestions.get(image, self.given(image))

    def unchanged(self, image: int) -> LabelVerdict:
        """A verdict of the reviewer that keeps the image's label."""
        return LabelVerdict(image, self.given(image), self.given(image), self.reviewer)

    def page_key(self, pages: int) -> str:
        """Key of the widget that opens one of so many pages of the wall."""
        return f"{self.key}-page-{pages}"

    @property
    def current_key(self) -> str:
        """Key of the open image in the session."""
        return f"{self.key}-current"

    @property
    def size(self) -> int:
        """Images on a page of the wall."""
        size: int = st.session_state.get(f"{self.key}-size", PAGE_SIZES[1])
        return size

    @property
    def picked(self) -> set[int]:
        """The images that were selected by clicks on the wall."""
        picked: set[int] = st.session_state.setdefault(f"{self.key}-picked", set())
        return picked


def opinions(dataset: str) -> Opinions:
    """All verdicts on a data set's training labels; none, with the reason, if unreadable."""
    try:
        found, problem = cache.label_verdicts(dataset)
    except LabelVerdictError as error:
        failures.tell(str(error))
        return {}
    if problem:
        st.warning(plain(problem), icon=":material/broken_image:")
    return found


def show_messages() -> None:
    """Show the error or the result of the last click, once."""
    failures.show_kept(_ERROR, _MESSAGE)


def tell_later(message: str = "", *, error: str = "") -> None:
    """Have the page show a result or an error when it is drawn again."""
    st.session_state[_ERROR if error else _MESSAGE] = error or message


def go_to(one: Review, image: int | None, images: list[int]) -> None:
    """Open an image, and its page of the wall."""
    if image is None:
        return
    st.session_state[one.current_key] = image
    pages = -(-len(images) // one.size)
    if pages > 1:
        st.session_state[one.page_key(pages)] = images.index(image) // one.size + 1


def give_one(one: Review, image: int, label: int | None, images: list[int]) -> None:
    """Record a verdict, and go on to the next image without one."""
    if not _give(one, {image: label}):
        return
    at = images.index(image)
    order = images[at + 1 :] + images[:at]
    go_to(one, next((other for other in order if one.own(other) is None), image), images)


def give_several(one: Review, labels: Mapping[int, int | None]) -> None:
    """Record verdicts, all or none."""
    if _give(one, labels):
        tell_later(f"{counted(len(labels), 'verdict')} given.")
        one.picked.clear()


def _give(one: Review, labels: Mapping[int, int | None]) -> bool:
    verdicts = [replace(one.unchanged(image), label=label) for image, label in labels.items()]
    with failures.kept(_ERROR):
        _remember(cache.label_verdict_store().give(one.dataset.name, verdicts), [*labels])
        return True
    return False


def withdraw(one: Review, image: int) -> None:
    """Take the reviewer's verdict on an image back."""
    with failures.kept(_ERROR):
        _remember(
            cache.label_verdict_store().withdraw(one.dataset.name, image, one.reviewer), [image]
        )


def _remember(batch: int, images: list[int]) -> None:
    st.session_state[_GIVEN] = [*st.session_state.get(_GIVEN, []), (batch, images)]


def can_undo() -> bool:
    """Whether this session has given a verdict that was not undone."""
    return bool(st.session_state.get(_GIVEN))


def undo(one: Review, images: list[int]) -> None:
    """Revert the last click of this session, and open its image."""
    given = st.session_state.get(_GIVEN, [])
    if not given:
        return
    batch, changed = given[-1]
    st.session_state[_GIVEN] = given[:-1]
    with failures.kept(_ERROR):
        cache.label_verdict_store().undo(batch)
        if changed[0] in images:
            go_to(one, changed[0], images)
