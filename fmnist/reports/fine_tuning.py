"""What fine-tuning changed, in rows and sentences for the Draw page and the command line."""

from typing import NamedTuple

from fmnist.data.splits import Protocol
from fmnist.evaluation.fine_tuning_effect import FineTuningEffect
from fmnist.reports.text import counted, percent


class Change(NamedTuple):
    """What was predicted, and how much of it correctly."""

    what: str
    before: str
    after: str


def changes(effect: FineTuningEffect, protocol: Protocol) -> tuple[Change, ...]:
    """Correct predictions on drawings, sketches and test images, before and after.

    Parameters
    ----------
    effect : FineTuningEffect
    protocol : {"held-out", "notebook", "full"}
        Of the run that was copied.
    """
    count = len(effect.drawings)
    return (
        Change(
            "Your drawings, each left out of the training",
            f"{effect.drawings_before} of {count}",
            f"{effect.drawings_after} of {count}",
        ),
        Change(
            "Other sketches that the app draws, not learned",
            percent(effect.others_before / effect.others),
            percent(effect.others_after / effect.others),
        ),
        Change(
            f"Test images ({protocol} protocol)",
            percent(effect.test_before / effect.test),
            percent(effect.test_after / effect.test),
        ),
    )


def of_damaged(count: int) -> str:
    """What is said of labeled drawings that cannot be learned; at least one."""
    if count == 1:
        return (
            "1 labeled drawing is left out, since its picture is damaged: delete it in the "
            "gallery, where it looks empty."
        )
    return (
        f"{count} labeled drawings are left out, since their pictures are damaged: delete them in "
        "the gallery, where they look empty."
    )


def explanation(effect: FineTuningEffect, *, has_own_classes: bool) -> str:
    """How the changes were measured, in sentences.

    Parameters
    ----------
    effect : FineTuningEffect
    has_own_classes : bool
        Whether the copy can predict classes of a person's own.
    """
    count = len(effect.drawings)
    told = [f"Each of {counted(count, 'drawing')} is predicted by a model that has not learned it."]
    if effect.parts < count:
        told.append(f"For this, {effect.parts} parts of them were left out in turn.")
    if effect.says_little:
        told.append("So few say little about the next ones.")
    told.append("The test images were measured once, afterward: they chose nothing.")
    if has_own_classes:
        told.append(f"{effect.test_own:,} of {effect.test:,} are predicted as a class of your own.")
    if effect.damaged:
        told.append(of_damaged(effect.damaged))
    return " ".join(told)
