"""Style, scripts, chart library, icon and runbooks."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from almanac.settings import ROOT
from serving import assets
from serving.problems import Problem

router = APIRouter(include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/assets/{version}/{name}")
def asset(request: Request, version: str, name: str) -> Response:
    """A file from memory; its address changes with its content, so it may be kept for ever."""
    return _file(request, name, FOR_EVER)


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    """The icon, for those who ask at the usual address."""
    return _file(request, "favicon.svg", "public, max-age=86400")


@router.get("/runbooks/{name}")
def runbook(name: str) -> Response:
    """What to do when something failed, as it stands in docs/runbooks."""
    folder = ROOT / "docs" / "runbooks"
    if name not in {path.name for path in folder.glob("*.md")}:
        raise Problem(404, "unknown_runbook", f"There is no runbook {name[:80]!r}.")
    text = (folder / name).read_text(encoding="utf-8")
    return Response(text, headers={"Cache-Control": "no-cache"}, media_type="text/plain; charset=utf-8")


def _file(request: Request, name: str, caching: str) -> Response:
    found = assets.asset(name)
    if found is None:
        raise Problem(404, "unknown_file", f"There is no file {name[:80]!r}.")
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)
