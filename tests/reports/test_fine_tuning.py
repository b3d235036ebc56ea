"""What fine-tuning changed, in words."""

from fmnist.evaluation.fine_tuning_effect import DrawingEffect, FineTuningEffect
from fmnist.reports.fine_tuning import changes, explanation


def effect(count: int, parts: int) -> FineTuningEffect:
    """All of `count` drawings are hats; one of them is learned."""
    learned = DrawingEffect("0", "hat", "Bag", "hat")
    others = [DrawingEffect(str(number), "hat", "Bag", "Bag") for number in range(1, count)]
    return FineTuningEffect((learned, *others), parts, 200, 180, 181, 10_000, 9269, 9265, 3, 0.2)


def test_all_three_figures_are_told_before_and_after() -> None:
    assert changes(effect(4, 4), "held-out") == (
        ("Your drawings, each left out of the training", "0 of 4", "1 of 4"),
        ("Other sketches that the app draws, not learned", "90.00%", "90.50%"),
        ("Test images (held-out protocol)", "92.69%", "92.65%"),
    )


def test_how_they_were_measured_is_told() -> None:
    few = explanation(effect(4, 4), has_own_classes=True)
    assert few == (
        "Each of 4 drawings is predicted by a model that has not learned it. So few say little "
        "about the next ones. The test images were measured once, afterward: they chose nothing. "
        "3 of 10,000 are predicted as a class of your own."
    )
    many = explanation(effect(30, 20), has_own_classes=False)
    assert "For this, 20 parts of them were left out in turn." in many
    assert "So few" not in many and "your own" not in many
