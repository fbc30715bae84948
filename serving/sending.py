"""The commands of the page "Send an event": a right and a wrong message of every event, ready to be pasted."""

import json
import shlex
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ingestion.tracking_plan.model import EventContract, Plan

KEY = "WRITE_KEY"  # stands in the command where the key goes: a key is shown once, when it is made
VISITOR, USER, GROUP = "visitor-1", "user-1", "group-1"


@dataclass(frozen=True)
class Sample:
    """A message to send. `mistake` says what is wrong with it, empty where it is right."""

    event: str
    message: dict[str, Any]
    path: str
    mistake: str

    def command(self, collector: str) -> str:
        """A `curl` call, for a POSIX shell, that sends it to the collector at this address."""
        body = json.dumps(self.message, indent=2, ensure_ascii=False)
        return " \\\n  ".join(
            (
                f"curl -sS {shlex.quote(collector.rstrip('/') + self.path)}",
                f"-u {KEY}:",
                "-H 'Content-Type: application/json'",
                f"-d {shlex.quote(body)}",
            )
        )


def sample(plan: Plan, event: str, message_id: str, *, is_wrong: bool = False) -> Sample:
    """The example of an event's contract as a message; with `is_wrong` one that the contract refuses."""
    contract = plan.events[event]
    message: dict[str, Any] = {"messageId": message_id, "anonymousId": VISITOR, **_body(contract)}
    mistake = _spoil(contract, message) if is_wrong else ""
    return Sample(event, message, f"/v1/{contract.type}", mistake)


def _body(contract: EventContract) -> dict[str, Any]:
    """What a message of the event's type carries beside its ids."""
    example = deepcopy(contract.example)
    match contract.type:
        case "track":
            return {"event": contract.event, "properties": example}
        case "page" | "screen":
            return {"properties": example}
        case "identify":
            return {"userId": USER, "traits": example}
        case "group":
            return {"userId": USER, "groupId": example.pop("group_id", GROUP), "traits": example}
        case _:
            return {"userId": USER, "previousId": example.pop("previous_id", VISITOR)}


def _spoil(contract: EventContract, message: dict[str, Any]) -> str:
    """Leave out what must be there; returns what that is, in words."""
    properties = message.get("properties", {})
    for name, declared in contract.properties.items():
        if declared.required and name in properties:
            del properties[name]
            return f"{name} is missing"
    del message["anonymousId"]
    message.pop("userId", None)
    return "neither userId nor anonymousId"
