"""The words of a message, the same for every channel; a channel only gives them its form."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.state import Incident, Moment


@dataclass(frozen=True)
class Notice:
    """What is said: a title, facts as (label, text) in the order in which they are read, and where to look."""

    title: str
    facts: tuple[tuple[str, str], ...]
    is_good_news: bool = False

    def text(self) -> str:
        """Everything as plain text, one fact a line."""
        return "\n".join([self.title, "", *(f"{label}: {said}" for label, said in self.facts)]) + "\n"


def notice(incident: Incident, moment: Moment, portal_url: str) -> Notice:
    """What to say when an incident opens or closes; every text is one line, whatever its cause holds."""
    problem = incident.problem
    if moment == "closed":
        lasted = _span((incident.closed_at or incident.opened_at) - incident.opened_at)
        facts = [("It was", problem.cause), ("From", _time(incident.opened_at)), ("It lasted", lasted)]
        title = f"Over: {problem.title}"
    else:
        facts = [
            ("Cause", problem.cause),
            ("Noticed", _time(incident.opened_at)),
            ("Readers see", problem.readers_see),
            ("What to do", f"docs/runbooks/{problem.runbook}"),
        ]
        title = problem.title
    if portal_url:
        facts.append(("Portal", portal_url))
    return Notice(_line(title), tuple((label, _line(said)) for label, said in facts), moment == "closed")


def trial(portal_url: str) -> Notice:
    """What a channel is tried with."""
    facts = [("This is", "a trial of the channel; nothing is wrong")] + ([("Portal", portal_url)] if portal_url else [])
    return Notice("Almanac can reach you here", tuple(facts), True)


def _line(text: str) -> str:
    """One line of printable text: a line break in a subject would begin another header."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _span(lasted: timedelta) -> str:
    minutes = max(round(lasted / timedelta(minutes=1)), 1)
    hours, rest = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (rest, "min")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n)
