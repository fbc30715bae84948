"""What every request of the portal shares, and how a page is rendered."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from almanac.versions import read_status
from dashboards.specs import Dashboard, dashboard_files, in_order, load_dashboard
from ingestion.lake import Lake
from serving import assets, formatting
from serving.catalogue import publication
from serving.problems import Problem
from serving.reading import Reading, Versions
from serving.staleness import banner
from serving.tracing import Arrived
from serving.watching import DaemonWatch, FreshnessWatch

LIST = "/dashboards"
NAVIGATION = (("/kpis", "KPIs"), ("/events", "Events"), ("/quality", "Data quality"), ("/freshness", "Freshness"))
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Portal:
    """The application's own objects."""

    settings: Settings
    versions: Versions
    templates: Environment

    @cached_property
    def daemon(self) -> DaemonWatch:
        """Whether what builds and publishes is there."""
        return DaemonWatch(self.settings)

    @cached_property
    def freshness(self) -> FreshnessWatch:
        """What readers are promised, and what waits for being published."""
        return FreshnessWatch(self.settings)

    @cached_property
    def lake(self) -> Lake:
        """The lake, for pages that show what has just arrived; everything else reads the published version."""
        return Lake.open(self.settings)

    @cached_property
    def arrived(self) -> Arrived:
        """The lake with what a collector on this machine has acknowledged and not landed yet."""
        return Arrived(self.lake, self.settings)


def make_portal(settings: Settings) -> Portal:
    """Open nothing yet: versions are opened when they are read."""
    templates = Environment(
        loader=FileSystemLoader(ROOT / "serving" / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {"fmt": formatting, "asset": _asset_address, "address": address}
    return Portal(settings, Versions(settings), templates)


def the_portal(request: Request) -> Portal:
    """The portal of a request."""
    return cast(Portal, request.app.state.portal)


def _reading(request: Request) -> Iterator[Reading]:
    with the_portal(request).versions.reading() as reading:
        yield reading


ReadingNow = Annotated[Reading, Depends(_reading)]


def dashboards(portal: Portal) -> dict[str, Dashboard]:
    """Every dashboard that can be read, by name, as they are listed; `dashboard` says what is wrong with the others."""
    found: list[Dashboard] = []
    for path in dashboard_files(portal.settings.root):
        try:
            found.append(load_dashboard(path, portal.settings.root))
        except AlmanacError:
            continue
    return {one.name: one for one in in_order(found)}


def dashboard(portal: Portal, name: str) -> Dashboard:
    """One dashboard. Raises Problem 404 if there is none of that name, 500 if its file is wrong."""
    files = {path.stem: path for path in dashboard_files(portal.settings.root)}
    if name not in files:
        listed = ", ".join(files) or "none"
        raise Problem(404, "unknown_dashboard", f"No dashboard is called {name[:50]!r}: there is {listed}.")
    try:
        return load_dashboard(files[name], portal.settings.root)
    except AlmanacError as error:
        raise Problem(500, "broken_dashboard", str(error)) from error


def default_tenant(portal: Portal) -> str | None:
    """The tenant that pages without a dashboard of their own begin with: the first dashboard's."""
    return next((d.tenant_default for d in dashboards(portal).values() if d.tenant_default), None)


def render(
    request: Request,
    template: str,
    context: dict[str, Any],
    *,
    reading: Reading | None = None,
    time_zone: str = "UTC",
    carried: dict[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    """A page inside the frame: navigation (which carries the selection along), theme, stale bar, data as of."""
    portal = the_portal(request)
    now = publication(reading) if reading else None
    theme = request.cookies.get("theme")
    items = _navigation(portal)
    here = _place(request.url.path, [path for path, _ in items])
    frame = {
        "navigation": [(address(path, carried or {}), title, here.get(path)) for path, title in items],
        "theme": theme if theme in THEMES else "",
        "banner": banner(read_status(portal.settings), now, time_zone, portal.daemon.silent_since()),
        "data_as_of": formatting.moment(now.data_as_of, time_zone) if now else "",
        "library": _asset_address(assets.CHART_LIBRARY),
    }
    html = portal.templates.get_template(template).render(frame | context)
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "private, no-cache"})


def _navigation(portal: Portal) -> list[tuple[str, str]]:
    """Addresses and titles in the header: the first dashboard, the list of all if there are more, and the pages."""
    found = list(dashboards(portal).values())
    items = [(f"{LIST}/{d.name}", d.title) for d in found[:1]]
    if len(found) > 1:
        items.append((LIST, "All dashboards"))
    return [*items, *NAVIGATION]


def _place(path: str, pages: list[str]) -> dict[str, str]:
    """The page of the header that is shown, or in which the one that is shown lies, with its value of aria-current."""
    if path in pages:
        return {path: "page"}
    return {page: "true" for page in pages if path.startswith(page + "/")}


def address(path: str, parameters: dict[str, str]) -> str:
    """A path with parameters, in their order; empty ones are left out."""
    query = urlencode({k: v for k, v in parameters.items() if v})
    return f"{path}?{query}" if query else path


def _asset_address(name: str) -> str:
    version = assets.chart_library_version() if name == assets.CHART_LIBRARY else assets.digest()
    return f"/assets/{version}/{name}"
