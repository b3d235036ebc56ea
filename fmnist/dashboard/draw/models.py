"""The models of the Draw page: which can be chosen, and how they are loaded."""

import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from fmnist.dashboard import cache, run_catalog, session
from fmnist.data.labels import IMAGE_SIZE
from fmnist.errors import sentence
from fmnist.reports import answers
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run, RunError
from fmnist.runs.temperature import load_temperature
from fmnist.sketchpad.recognition import OOD_MODEL
from fmnist.text import plain

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

MODEL: Final = "draw-model"
"""Key of the choice of the model."""
_NEXT: Final = "draw-next-model"
_SECOND: Final = "draw-second"


def runs_with_weights() -> dict[str, Run]:
    """Runs that can classify, by id; shipped ones first."""
    return {
        run.run_id: run
        for run in run_catalog.all_runs()
        if run.config and run.weights_path.exists()
    }


def choose_model(found: Mapping[str, Run]) -> Run | None:
    """Show the choice of the model; None if there is none.

    The default is the sketch model, or the run that all pages show.
    """
    following = st.session_state.pop(_NEXT, None)
    if following in found:
        st.session_state[MODEL] = following
    wanted = (OOD_MODEL, session.selection().run, *found)
    default = next((run_id for run_id in wanted if run_id in found), None)
    if default is None:
        return None
    _warn_if_deleted(MODEL, found)
    names = distinct_names(list(found.values()))
    chosen = st.selectbox(
        "Model",
        list(found),
        index=list(found).index(default),
        key=MODEL,
        format_func=lambda run_id: f"Model: {names[run_id]}",
        label_visibility="collapsed",
        persist_state="session",
    )
    if OOD_MODEL not in found:
        st.caption(
            "The sketch model is not installed. This model was trained only on photographs, and it "
            "predicts a garment for every drawing."
        )
    return found[chosen]


def choose_second(found: Mapping[str, Run], first: Run | None) -> Run | None:
    """Show the choice of a second model to compare with; None if none is chosen."""
    _warn_if_deleted(_SECOND, found)
    others = [run_id for run_id in found if first is None or run_id != first.run_id]
    if not others:
        return None
    names = distinct_names(list(found.values()))
    second = st.selectbox(
        "Second model",
        others,
        index=None,
        key=_SECOND,
        format_func=lambda run_id: f"Second model: {names[run_id]}",
        placeholder="Compare with a second model",
        label_visibility="collapsed",
        persist_state="session",
    )
    return found.get(second) if second else None


def chosen_model() -> Run | None:
    """The model that is chosen, as far as the page was drawn."""
    return run_catalog.run_or_none(st.session_state.get(MODEL))


def use(run_id: str) -> None:
    """Choose a model when the choice is next drawn."""
    st.session_state[_NEXT] = run_id


def has_second(found: Mapping[str, Run]) -> bool:
    """Whether a second model is chosen; known before the choice is shown."""
    return st.session_state.get(_SECOND) in found


def _warn_if_deleted(key: str, found: Mapping[str, Run]) -> None:
    run_id = st.session_state.get(key)
    if run_id is not None and run_id not in found:
        del st.session_state[key]
        st.warning(f"The model {plain(run_id)} no longer exists.", icon=":material/link_off:")


def load_classifier(run: Run) -> "Classifier":
    """Load a run's classifier with the temperature saved for it.

    Raises
    ------
    OSError, ValueError, RunError
        If its weights or its temperature are missing or damaged.
    """
    classifier = cache.classifier(run)
    temperature = load_temperature(run)
    if temperature is not None:
        classifier = copy.copy(classifier)  # shares the weights, has its own temperature
        classifier.temperature = temperature.value
    return classifier


def load_ood_model() -> "Classifier | None":
    """Load the model that detects non-garments; None if it is not installed."""
    run = run_catalog.run_or_none(OOD_MODEL)
    return cache.classifier(run) if run and run.weights_path.exists() else None


def refused_garments(run: Run) -> float | None:
    """Share of garments that are refused for a model, where it was measured."""
    judges = run.fine_tuning or (run.training is not None and run.training.has_ood_class)
    judge = run if judges else run_catalog.run_or_none(OOD_MODEL)
    return answers.refused_garments(judge) if judge else None


def warm_up(run: Run) -> None:
    """Load a model and classify a blank image: the first prediction is slow.

    Raises
    ------
    OSError, ValueError
        If its weights are missing or damaged.
    """
    _warm_up(run.weights_path, run.weights_path.stat().st_mtime_ns, run)
    load_ood_model()


@st.cache_resource(show_spinner=False, max_entries=16)
def _warm_up(path: Path, modified: int, _run: Run) -> None:  # noqa: ARG001 - parts of the key
    blank = np.zeros((1, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    worker().submit(cache.classifier(_run).logits, blank).result()


@st.cache_resource(show_spinner=False)
def worker() -> ThreadPoolExecutor:
    """The thread that classifies, on one core.

    For a single image, several threads wait for each other longer than they compute. The page
    itself runs in a new thread with every stroke, which would have to start its helpers each time.
    torch fixes the number of threads of a thread when it first computes, and later threads take
    the number set last; so that number is restored for them.
    """
    import torch

    executor = ThreadPoolExecutor(1, "draw")
    usual = executor.submit(torch.get_num_threads).result()
    executor.submit(torch.set_num_threads, 1).result()
    torch.set_num_threads(usual)
    return executor


def load_error(error: Exception, run: Run) -> str:
    """A sentence that says why a model cannot be used."""
    if isinstance(error, FileNotFoundError):
        return f"The model {run.name} no longer exists; choose another."
    if isinstance(error, RunError):
        return str(error)
    return sentence(error, f"The model {run.name} cannot be used")
