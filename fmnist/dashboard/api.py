"""The API beside the pages, in the app's own server: `server.py` mounts it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from fmnist import paths
from fmnist.dashboard import ending, run_catalog
from fmnist.runs import store
from fmnist.serve.application import create_app
from fmnist.serve.metrics import Metrics
from fmnist.serve.models import Models


def routes() -> list[BaseRoute]:
    """Where the API is: under /api."""

    def with_slash(request: Request) -> RedirectResponse:
        return RedirectResponse(request.url.replace(path=f"{request.url.path}/"))

    return [Route("/api", with_slash), Mount("/api", _make())]


def _make() -> FastAPI:
    """The API; all runs with weights answer, by default the one that the app opens."""
    metrics = Metrics()
    default = next((run.run_id for run in run_catalog.shipped_runs()), "fashion-cnn")
    models = Models(_names, default=default, on_batch=metrics.count_batch)
    ending.register(models.close)
    # under the same names as the app
    return create_app(models, metrics, allowed_hosts=st.get_option("server.allowedHosts"))


def _names() -> list[str]:
    roots = (paths.pretrained_folder(), paths.benchmark_folder(), paths.runs_folder())
    return sorted(
        run_id
        for root in roots
        for run_id in store.run_ids(root)
        if (root / run_id / "model.safetensors").exists()
    )


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """From the start of the server to its end; that of a mounted application is not run.

    A signal ends this server without Python's own end, so what is done then is done here.
    """
    try:
        yield
    finally:
        ending.end()
