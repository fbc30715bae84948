"""Pages of an HTTP API, through dlt's client. Imported only where dlt is there, because it is an extra.

An answer in which the rows are not where they should be is no end of the pages but an error: an API that fails with
status 200 would otherwise be read as one that has nothing more, and what it gave before would move the cursor past
what it did not give.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from dlt.common import jsonpath
from dlt.sources.helpers.requests import HTTPError, Response
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.rest_api.config_setup import create_paginator

from almanac.errors import AlmanacError
from ingestion.collector.messages import kind_of
from ingestion.sources.fetched_source import FetchedTable

_EACH = "[*]"
_MOST_NAMES = 5  # of an answer, in a message


def pages_of(
    what: str, table: FetchedTable, path: str, params: Mapping[str, str | int], url: str, token: str | None
) -> Iterator[list[dict[str, Any]]]:
    """The rows of an API's table, page by page; `what` names it where a page cannot be read (AlmanacError)."""
    client = _Client(what, url, token)
    paginator: Any = None if table.paginator is None else dict(table.paginator)
    try:
        yield from client.paginate(
            path, params=dict(params), paginator=create_paginator(paginator), data_selector=table.rows
        )
    except HTTPError as error:
        response = error.response
        if response is None:
            raise
        # What the library says of it has the whole address, also where the chain of errors is shown.
        answered = f"answered {response.status_code} {response.reason}"
        todo = "look at address and token, or run it again when the API is well"
        raise AlmanacError(f"{client.where(response)} {answered}: {todo}") from None


class _Client(RESTClient):
    """Reads one table; an answer that is no page of it is an error."""

    def __init__(self, what: str, url: str, token: str | None) -> None:
        super().__init__(base_url=url, auth=BearerTokenAuth(token) if token else None)
        self._what = what
        self._page = 1

    def detect_data_selector(self, response: Response) -> str:
        """Where the first page has its rows."""
        self._body(response)
        return super().detect_data_selector(response)

    def extract_response(self, response: Response, data_selector: jsonpath.TJsonPath) -> list[Any]:
        """The rows of one page. Raises AlmanacError if they are not where they should be; an empty list is a page."""
        body = self._body(response)
        if not _is_there(str(data_selector), body):
            names = ", ".join(list(body)[:_MOST_NAMES]) if isinstance(body, dict) else ""
            why = f"has no {data_selector}, where its rows should be" + (f" (it has {names})" if names else "")
            todo = "correct `rows` in the description, or run it again when the API is well"
            raise AlmanacError(f"{self.where(response)} {why}: {todo}")
        rows = super().extract_response(response, data_selector)
        strange = next((row for row in rows if not isinstance(row, dict)), None)
        if strange is not None:
            why = f"has a row that is no object ({kind_of(strange)})"
            raise AlmanacError(f"{self.where(response)} {why}: correct `rows` in the description")
        self._page += 1
        return rows

    def _body(self, response: Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no content type")
            why = f"is not JSON but {kind} ({error})"
            raise AlmanacError(f"{self.where(response)} {why}: is the address right, and the token?") from error

    def where(self, response: Response) -> str:
        """The page in words; of its address neither the user's part nor the parameters, which may hold secrets."""
        parts = urlsplit(response.url)
        return f"{self._what}: page {self._page} of {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_there(selector: str, body: Any) -> bool:
    """Whether an answer has what a selector names; of an empty list there is nothing for `[*]` to name."""
    if jsonpath.find_values(selector, body):
        return True
    before, each, _ = selector.partition(_EACH)
    return bool(each) and jsonpath.find_values(before or "$", body) == [[]]
