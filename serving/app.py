"""The one application: portal and API, read-only on the published version."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from almanac.settings import Settings
from serving.portal import make_portal, render
from serving.problems import NothingPublished, Problem
from serving.routes import (
    api,
    dashboards,
    events,
    files,
    freshness,
    health,
    kpis,
    monitoring,
    quality,
    quality_api,
    send,
)
from serving.security import SecurityHeaders
from serving.write_keys import RefuseWriteKeys

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The application on the versions that `settings` names; it starts whether or not anything was published yet."""
    app = FastAPI(
        title="Almanac",
        version=version("almanac"),
        docs_url=None,  # FastAPI's documentation pages load scripts from another host
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_lifespan,
    )
    app.state.portal = make_portal(settings)
    for module in (dashboards, kpis, send, events, quality, freshness, api, quality_api, monitoring, files, health):
        app.include_router(module.router)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_parameters)
    app.add_exception_handler(Exception, _on_failure)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(RefuseWriteKeys, collector_url=settings.collector_url)
    app.add_middleware(SecurityHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.portal.versions.close()


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _answer(request, error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    message = {404: "There is nothing at this address."}.get(error.status_code, str(error.detail))
    response = _answer(request, Problem(error.status_code, code, message))
    response.headers.update(error.headers or {})
    return response


async def _on_bad_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [{"parameter": str(e["loc"][-1]), "message": e["msg"]} for e in error.errors()]
    said = "; ".join(f"{f['parameter']}: {f['message']}" for f in faults)
    return _answer(request, Problem(422, "bad_parameter", said, errors=faults))


async def _on_failure(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    message = "The portal failed to answer; its log says why. The published numbers are not affected."
    return _answer(request, Problem(500, "internal_error", message))


def _answer(request: Request, problem: Problem) -> Response:
    """A problem as a page for people and as `application/problem+json` for programs."""
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(
        ("/api/", "/health/")
    )
    if not wants_page:
        return JSONResponse(problem.body(request.url.path), problem.status, media_type="application/problem+json")
    if isinstance(problem, NothingPublished):
        # Not an error to a person: the page waits for the first build and then turns into what was asked for.
        return render(request, "waiting.html", {"title": "No numbers yet"})
    return render(request, "problem.html", {"title": problem.title, "problem": problem}, status=problem.status)
