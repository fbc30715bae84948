"""Asking the portal of a made-up business about a range of days, and what happened in it."""

from datetime import date
from typing import Any

from fastapi.testclient import TestClient

from tests.serving.businesses import RENTALS, Parts, days

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 15)
RANGE = f"tenant=rentals&from={FIRST}&to={LAST}"


def happened(first: date = FIRST, last: date = LAST) -> Parts:
    """What the made-up business did in a range, added up from its days."""
    sums = Parts()
    for day, _, parts in days(RENTALS):
        if first <= day <= last:
            sums.add(parts)
    return sums


def answer(client: TestClient, path: str) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def problem(client: TestClient, path: str, status: int) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "message"} <= found.keys()
    assert found["status"] == status
    return found
