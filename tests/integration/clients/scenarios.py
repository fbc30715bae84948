"""Which client meets what: everything that happens to events on their way, and everything that is refused."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from tests.integration.clients.fault_proxy import ALWAYS, Fault, FaultProxy, Line

PYTHON = ("segment-analytics-python", "rudder-sdk-python", "posthog-python", "cloudevents-python")
NODE = (
    *("analytics-node", "old analytics-node", "analytics-next", "rudder-sdk-node", "jitsu", "posthog-node"),
    "cloudevents",
)
# These have no way to send again by themselves: their application hears of the failure.
WITHOUT_RETRY = ("jitsu", "cloudevents", "cloudevents-python")
THREE_DAYS = 3 * 24 * 3600 * 1000  # milliseconds by which a clock is fast

BUSY = Fault(429, "rate_limited", ((b"retry-after", b"1"),))
BROKEN = Fault(500, "internal_error")


@dataclass(frozen=True)
class Scenario:
    """What happens to one client's events. `refused` says that none of them may become a row."""

    faults: tuple[Fault, ...] = ()
    skew: int = 0  # milliseconds
    count: int = 0  # further events
    size: int = 0  # characters of text in each of them
    refused: bool = False
    body_bytes: int | None = None  # the key's own limit
    without: tuple[str, ...] = ()  # clients to which it cannot happen


SCENARIOS: dict[str, Scenario] = {
    "ok": Scenario(),
    "gzip": Scenario(without=(*NODE, "posthog-python", "cloudevents-python")),  # those of Node do it as they like
    "big": Scenario(count=300, size=1500, without=("jitsu", "analytics-next", "cloudevents", "cloudevents-python")),
    # RudderStack's Python library fills requests of up to 4 MB; its users' keys take them.
    "bulky": Scenario(
        count=30, size=30_000, body_bytes=4 * 1024 * 1024, without=tuple({*PYTHON, *NODE} - {"rudder-sdk-python"})
    ),
    "busy": Scenario((BUSY,), without=("cloudevents", "cloudevents-python")),
    "broken": Scenario((BROKEN, BROKEN), without=("cloudevents", "cloudevents-python")),
    # The events arrive, but the client is not told: it sends them again, with the same message ids.
    "lost": Scenario((Fault(500, "internal_error", arrives=True),), without=WITHOUT_RETRY),
    "skew": Scenario(skew=THREE_DAYS, without=("cloudevents", "cloudevents-python")),  # these say no time of sending
    "unknown": Scenario(refused=True),
    "stranger": Scenario(refused=True),
    "large": Scenario((Fault(413, "batch_too_large"),) * ALWAYS, refused=True),
}


@dataclass
class Job:
    """One client in one scenario."""

    client: str
    scenario: str
    url: str
    key: str
    user: str
    skew: int
    count: int
    size: int
    line: Line = field(repr=False)

    def message(self) -> dict[str, object]:
        """What the process that runs the client is told."""
        return {name: value for name, value in asdict(self).items() if name != "line"}


def jobs_of(client: str, proxy: FaultProxy, new_key: Callable[[int | None], str]) -> list[Job]:
    """A client's jobs, each with a line and a user of its own."""
    return [
        _job(client, name, scenario, proxy.line(*scenario.faults), new_key(scenario.body_bytes))
        for name, scenario in SCENARIOS.items()
        if client not in scenario.without
    ]


def _job(client: str, name: str, scenario: Scenario, line: Line, key: str) -> Job:
    used = "alm_this-key-was-never-made-by-anybody" if name == "stranger" else key
    user = f"{client} {name}"
    return Job(client, name, line.url, used, user, scenario.skew, scenario.count, scenario.size, line)
