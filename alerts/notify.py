"""One look: problems become incidents, incidents become messages, and what is due is sent."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts.channels import Channel
from alerts.delivery import DeliveryError
from alerts.notices import notice
from almanac.state import Incident, Problem, StateDB, claim, delivered, not_delivered, track


@dataclass(frozen=True)
class Looked:
    """What one look did: incidents that opened and closed, messages sent, and why others were not."""

    opened: list[Incident]
    closed: list[Incident]
    sent: int
    errors: list[str]

    def words(self) -> str:
        """In one line."""
        said = [f"{len(self.opened)} incidents opened, {len(self.closed)} closed, {self.sent} messages sent"]
        return "; ".join([*said, *self.errors])


def look(
    state: StateDB,
    problems: Iterable[Problem],
    channels: Mapping[str, Channel],
    now: datetime,
    portal_url: str = "",
    is_over: Callable[[Incident], bool] = lambda incident: True,
) -> Looked:
    """Bring the books up to the problems that there are now, and send what is due.

    A channel that fails never fails the look: the message stays due, is tried again after growing pauses, and is given
    up after the last (`almanac alerts list` shows it).
    """
    opened, closed = track(state, problems, list(channels), now, is_over)
    sent, errors = 0, []
    while message := claim(state, list(channels), now):
        try:
            channels[message.channel].send(notice(message.incident, message.moment, portal_url))
        except DeliveryError as error:
            not_delivered(state, message, str(error), now + error.wait if error.wait else None)
            errors.append(f"{message.channel}: {error}")
        else:
            delivered(state, message, now)
            sent += 1
    return Looked(opened, closed, sent, errors)
