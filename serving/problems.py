"""Errors of the portal: one shape (RFC 9457), with a code for programs and a message for people."""

from typing import Any


class Problem(Exception):
    """A request that cannot be answered: HTTP status, a stable code, and what to do about it in one sentence."""

    def __init__(self, status: int, code: str, message: str, *, title: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.extra = status, code, message, extra
        self.title = title or TITLES.get(status, "Error")

    def body(self, instance: str) -> dict[str, Any]:
        """The `application/problem+json` body for the request of path `instance`."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "instance": instance,
            "code": self.code,
            "message": self.message,
            **self.extra,
        }


class NothingPublished(Problem):
    """There is no published version yet; the first build may be under way."""

    def __init__(self) -> None:
        super().__init__(503, "nothing_published", "No numbers have been published yet: the first build makes them.")


TITLES = {
    400: "Bad request",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    422: "Bad request",
    500: "Internal error",
    503: "Not available",
}
