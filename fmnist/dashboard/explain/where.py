"""Where it looks: attributions of pixels."""

from fmnist.dashboard.explain.subject import Subject


def show(subject: Subject) -> None:
    """The attributions."""
