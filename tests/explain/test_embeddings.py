"""Maps of images: layouts, their agreement with the feature space, and places of new images."""

import sys
import types

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.explain import embeddings
from fmnist.explain.embeddings import (
    Method,
    Projection,
    agreement,
    centered,
    epoch_layouts,
    layout,
    medoids,
    neighbor_accuracy,
    place,
)


def blobs(per_class: int = 40, features: int = 12) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three groups far from each other, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], per_class)
    centers = 20 * rng.normal(size=(3, features))
    return (centers[labels] + rng.normal(size=(len(labels), features))).astype(np.float32), labels


def test_principal_components_are_those_of_the_largest_variance() -> None:
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(500, 3)) * (9, 3, 1)
    basis = np.linalg.qr(rng.normal(size=(6, 3)))[0]
    features = (hidden @ basis.T + 5).astype(np.float32)
    found = Projection.fit(features)
    values = found(features)
    assert values[:, :3].std(axis=0) == pytest.approx(hidden.std(axis=0), rel=0.05)
    assert values.mean(axis=0) == pytest.approx(0, abs=1e-4)
    # the distances are kept, and the sign does not depend on the order of the images
    assert np.linalg.norm(values[0] - values[1]) == pytest.approx(
        np.linalg.norm(features[0] - features[1]), rel=1e-4
    )
    again = Projection.fit(features[::-1])
    assert again.axes[:3] == pytest.approx(found.axes[:3], abs=1e-4)


def test_positions_are_centered_in_the_square() -> None:
    found = centered(np.array([[0.0, 5.0], [10.0, 5.0], [2.0, 7.0]]))
    assert found.tolist() == pytest.approx(np.array([[-1, -0.2], [1, -0.2], [-0.6, 0.2]]))
    same = centered(np.full((3, 2), 4.0))
    assert same.tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("method", ["pca", "pacmap", "tsne"])
def test_the_same_seed_gives_the_same_layout(method: Method) -> None:
    features, labels = blobs()
    shares: list[float] = []
    first = layout(features, method, progress=shares.append)
    assert first.shape == (120, 2) and np.abs(first).max() == pytest.approx(1)
    assert np.array_equal(layout(features, method), first)
    assert neighbor_accuracy(first, labels) == 1.0
    if method != "pca":
        assert shares == sorted(shares) and shares[0] > 0 and shares[-1] == 1.0
        assert not np.array_equal(layout(features, method, seed=1), first)


def test_umap_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    class Stub:
        def __init__(self, **settings: object) -> None:
            asked.update(settings)

        def fit_transform(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
            return features[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stub))
    features, _ = blobs()
    assert np.array_equal(layout(features, "umap", seed=3), centered(features[:, :2]))
    assert asked["random_state"] == 3


def test_too_few_images_are_told() -> None:
    with pytest.raises(ValueError, match="at least 30 images; there are 29"):
        layout(np.zeros((29, 4), dtype=np.float32), "pca")


def test_neighbor_accuracy_by_hand() -> None:
    # on a line: each point's two nearest
    points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    assert neighbor_accuracy(points, np.array([0, 0, 0, 1, 1, 1]), k=2) == 1.0
    # no point is its own neighbor
    assert neighbor_accuracy(points[[0, 1, 3, 4]], np.array([0, 1, 0, 1]), k=1) == 0.0
    # the middle ones of both groups are of the other class, so that every vote is 1 to 1, which
    # the lower class wins, but for theirs
    assert neighbor_accuracy(points, np.array([0, 1, 0, 0, 1, 0]), k=2) == pytest.approx(4 / 6)


def test_agreement_of_a_map_that_keeps_and_of_one_that_loses_the_neighbors() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(200, 2))
    labels = (features[:, 0] > 0).astype(int)
    kept = agreement(features, 3 * features + 1, labels)
    assert kept.trustworthiness == pytest.approx(1)
    assert kept.plane_accuracy == kept.full_accuracy > 0.9
    lost = agreement(features, rng.normal(size=(200, 2)), labels)
    assert lost.trustworthiness == pytest.approx(0.5, abs=0.06)
    assert lost.plane_accuracy == pytest.approx(0.5, abs=0.12)
    assert lost.full_accuracy == kept.full_accuracy


def test_medoids_are_central_images() -> None:
    features = np.array([[0.0, 0], [1, 0], [2, 0], [9, 9], [50, 0]])
    assert medoids(features, np.array([0, 0, 0, 4, 4])).tolist() == [
        1, -1, -1, -1, 3, -1, -1, -1, -1, -1,
    ]  # fmt: skip


def test_a_known_image_is_placed_among_its_neighbors() -> None:
    features, labels = blobs()
    positions = layout(features, "pca")
    for number in (0, 50, 110):
        point, nearest = place(features[number], features, positions, "tsne")
        assert nearest[0] == number and len(nearest) == 10
        group = positions[labels == labels[number]]
        assert (group.min(axis=0) <= point).all() and (point <= group.max(axis=0)).all()


def test_among_groups_it_goes_to_one_of_them() -> None:
    # seven neighbors here and three far away: the mean would be on empty paper
    positions = np.array([[0.0, 0]] * 7 + [[1.0, 1]] * 3 + [[-1.0, -1]] * 5, dtype=np.float32)
    features = np.array([[0.0, 0]] * 10 + [[9.0, 9]] * 5)
    point, _ = place(np.zeros(2), features, positions, "pacmap")
    assert np.abs(point).max() < 0.02


def test_on_principal_components_it_is_placed_exactly() -> None:
    features, _ = blobs()
    positions = layout(features, "pca")
    point, _ = place(features[7], features, positions, "pca")
    assert point == pytest.approx(positions[7])


def test_layouts_of_epochs_start_from_the_one_before() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(4), 30)
    target = 12 * np.eye(10)[labels]
    logits = np.stack([share * target + rng.normal(size=(120, 10)) for share in (0.3, 0.8, 1.0)])
    found = epoch_layouts(logits.astype(np.float16))
    assert found.shape == (3, 120, 2) and np.abs(found).max() <= 1
    assert np.array_equal(epoch_layouts(logits.astype(np.float16)), found)
    # no image has to look for its group anew: the groups stay about where they were
    centers = np.stack([[each[labels == c].mean(axis=0) for c in range(4)] for each in found])
    moved = np.linalg.norm(np.diff(centers[1:], axis=0), axis=2).mean()
    mirrored = np.linalg.norm(centers[2] * (-1, 1) - centers[1], axis=1).mean()
    assert moved < mirrored


def test_epochs_of_equal_logits_do_not_stumble() -> None:
    found = epoch_layouts(np.zeros((2, 5, 10), dtype=np.float16))
    assert np.array_equal(found, np.zeros((2, 5, 2)))


def test_libraries_that_are_missing_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [m for m in embeddings.METHODS if embeddings.is_available(m)] == ["pca"]
