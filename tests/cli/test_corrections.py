"""`python -m fmnist corrections` and `train --corrections FILE`."""

from pathlib import Path

import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.data import fashion_mnist as datasets
from fmnist.data.corrections import Corrections
from fmnist.evaluation.label_errors import find_suspects, out_of_sample
from fmnist.evaluation.label_verdicts import FILE, LabelVerdict, LabelVerdictStore
from fmnist.runs import corrections, store
from tools.made_up_folds import made_up_folds
from tools.small import small_dataset

Output = pytest.CaptureFixture[str]
DATASET = ["--dataset", "synthetic-garments"]


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.chdir(tmp_path)


def give_verdicts() -> None:
    verdicts = LabelVerdictStore(paths.artifacts_folder() / FILE)
    labels = {3: None, 4: 2, 5: 6, 6: 0}
    for reviewer, images in (("Ann", (3, 4, 5, 6)), ("Bo", (3, 6))):
        given = [LabelVerdict(i, 6, labels[i], reviewer) for i in images]
        verdicts.give("synthetic-garments", given)
    verdicts.give("synthetic-garments", [LabelVerdict(6, 6, 6, "Bo")])


def test_a_file_is_made_of_verdicts_checked_and_trained_with(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load_named", lambda _: small_dataset())
    give_verdicts()
    assert main(["corrections", "make", "verdicts", *DATASET]) == 0
    made = Corrections.of("synthetic-garments", relabeled={4: 2}, excluded=[3])
    assert Path("corrections.json").read_bytes() == made.to_bytes()
    told = capsys.readouterr().out
    assert "4 images, 1 confirmed by a second reviewer, 1 disputed" in told
    assert "Corrections: 1 excluded, 1 relabeled\n  relabeled to Pullover: 1\n" in told
    assert main(["corrections", "check", "corrections.json"]) == 0
    assert f"SHA-256: {made.checksum}" in capsys.readouterr().out

    quick = ["--model", "logistic", "--epochs", "1", "--subset", "40", "--batch-size", "20"]
    command = ["train", *quick, *DATASET, "--corrections", "corrections.json"]
    assert main(command) == 0
    (run,) = store.list_runs(paths.runs_folder())
    assert run.state == "finished" and run.training
    assert run.training.corrections == made.checksum
    assert (run.folder / corrections.FILE).read_bytes() == made.to_bytes()


def test_a_file_is_made_of_the_suspects_of_a_cross_validation(capsys: Output) -> None:
    runs, _ = made_up_folds(paths.runs_folder(), small_dataset())
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    suspects = find_suspects(evaluation)
    images = evaluation.indices[suspects.positions].tolist()
    assert main(["corrections", "make", "exclude-suspects", *DATASET, "--output", "out.json"]) == 0
    assert corrections.read(Path("out.json")).excluded == tuple(sorted(images))
    assert main(["corrections", "make", "relabel-suspects", *DATASET]) == 0
    relabeled = dict(corrections.read(Path("corrections.json")).relabeled)
    assert relabeled == dict(zip(images, suspects.suggested.tolist(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["corrections", "make", "verdicts"], "There is nothing to correct"),
        (["corrections", "make", "exclude-suspects"], "no finished cross-validation"),
        (["corrections", "check", "none.json"], "none.json"),
        (["corrections", "check", "bad.json"], "bad.json: The corrections are damaged"),
        (["train", "--corrections", "bad.json"], "bad.json: The corrections are damaged"),
        (["train", "--corrections", "none.json"], "none.json"),
        (["train", "--corrections", "other.json"], "of another data set"),
        (["train", "--corrections", "0" * 64], "There are no corrections 0000"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    arguments: list[str], says: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load_named", lambda _: small_dataset())
    Path("bad.json").write_text("{}")
    other = Corrections.of("synthetic-garments", excluded=[1])
    Path("other.json").write_bytes(other.to_bytes())
    assert main(arguments) == 1
    told = capsys.readouterr().err.splitlines()
    assert says in told[-1] and "Traceback" not in told[-1]
    assert store.list_runs(paths.runs_folder()) == []
