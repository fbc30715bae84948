"""A write key stands in the pages of a platform for everybody to see: it sends events and opens nothing else."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from almanac.state import KEY_MARK
from ingestion.collector.auth import key_in
from serving.problems import Problem


class RefuseWriteKeys:
    """Answers every request to the API that presents a write key: 403, whether or not the key is valid."""

    def __init__(self, app: ASGIApp, collector_url: str) -> None:
        self.app = app
        self._collector_url = collector_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            key = key_in({name.lower(): value for name, value in scope["headers"]})
            if key is not None and key.startswith(KEY_MARK):
                await self._refusal(scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, path: str) -> JSONResponse:
        message = f"This is a write key: it only sends events, to {self._collector_url}. Ask here without it."
        problem = Problem(403, "insufficient_scope", message)
        return JSONResponse(problem.body(path), problem.status, media_type="application/problem+json")
