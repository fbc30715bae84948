"""What is open or outstanding at the end of a day, read from the messages of each object by itself."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any


def left_at(events: Iterable[dict[str, Any]], quantity: str, day: date) -> Decimal:
    """What there is of a level at the end of a local day; `events` are in the order in which they happened."""
    words, left_of = {
        "tickets_open": (("ticket_updated",), _of_ticket),
        "invoices_outstanding_amount": (("invoice_updated",), _of_invoice),
        "loans_outstanding_amount": (("loan_updated", "repayment_recorded"), _of_loan),
    }[quantity]
    told = defaultdict[str, list[dict[str, Any]]](list)
    for event in events:
        if event["event"] in words and event["day"] <= day:
            typed = event["typed"]
            name = next(typed[key] for key in ("ticket_id", "invoice_id", "loan_id") if typed.get(key))
            told[name].append(typed)
    return sum((left_of(own) for own in told.values()), Decimal(0))


def _of_ticket(told: list[dict[str, Any]]) -> Decimal:
    states = [one["status"] for one in told if one["status"] != "answered"]
    return Decimal(bool(states) and states[-1] in ("opened", "reopened"))


def _of_invoice(told: list[dict[str, Any]]) -> Decimal:
    states = {one["status"] for one in told}
    is_left = "issued" in states and not states & {"paid", "void", "written_off"}
    return Decimal(told[0]["amount"]) if is_left else Decimal(0)


def _of_loan(told: list[dict[str, Any]]) -> Decimal:
    states = {one["status"] for one in told if "installment" not in one}
    if "disbursed" not in states or states & {"repaid", "written_off"}:
        return Decimal(0)
    paid = (one["principal_amount"] for one in told if "installment" in one and one["status"] == "paid")
    return Decimal(next(one["amount"] for one in told if one["status"] == "disbursed")) - sum(paid, Decimal(0))
