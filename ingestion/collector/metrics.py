"""What the collector counts, as Prometheus reads it. Nothing here names a tenant, a person, a key or an address."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector as Source

from ingestion.collector.door import Verdict

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
REQUESTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


class Histogram:
    """How often a value fell into each bucket; `bounds` are their upper ends."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Bound and how many values were at most that, as Prometheus wants it."""
        counts = list(self.counts)
        bounds = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        return [(bound, float(sum(counts[: place + 1]))) for place, bound in enumerate(bounds)]


class Metrics:
    """Counts since the start. Each is written by one thread, so that none needs a lock."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()  # by route and status
        self.refused_requests: Counter[str] = Counter()  # by code
        self.received = self.accepted = self.suppressed = 0
        self.refused_events: Counter[str] = Counter()  # by code of the first reason
        self.log_bytes = 0
        self.commit_seconds = Histogram(SECONDS)
        self.commit_requests = Histogram(REQUESTS)

    def judged(self, verdicts: Sequence[Verdict]) -> None:
        """Count the events of one request, once they are in the log."""
        self.received += len(verdicts)
        accepted = 0
        for verdict in verdicts:
            if verdict.is_suppressed:
                self.suppressed += 1
            elif verdict.reasons:
                self.refused_events[verdict.reasons[0].code] += 1
            else:
                accepted += 1
        self.accepted += accepted

    def committed(self, requests: int, size: int, seconds: float) -> None:
        """Count one write to the log: of so many requests and bytes, in so many seconds including the sync."""
        self.log_bytes += size
        self.commit_requests.observe(requests)
        self.commit_seconds.observe(seconds)

    def text(self, status: dict[str, object], keys_age: float, trouble: str | None, in_flight: int) -> bytes:
        """Everything in Prometheus's text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Source([*self._counted(), *_gauges(status, keys_age, trouble, in_flight)]))
        return generate_latest(registry)

    def _counted(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "almanac_collector_requests", "Requests answered, by route and status.", labels=["route", "status"]
        )
        for (route, code), count in list(self.requests.items()):
            requests.add_metric([route, str(code)], count)
        yield requests
        yield _by_code(
            "almanac_collector_refused_requests", "Requests refused as a whole, by code.", self.refused_requests
        )
        yield _counter("almanac_collector_events_received", "Events found in requests.", self.received)
        yield _counter("almanac_collector_events_accepted", "Events accepted and logged.", self.accepted)
        yield _counter("almanac_collector_events_suppressed", "Events dropped before the log.", self.suppressed)
        yield _by_code(
            "almanac_collector_events_refused", "Events refused and logged, by their first code.", self.refused_events
        )
        yield _counter("almanac_collector_log_bytes", "Bytes written to the log.", self.log_bytes)
        for name, text, histogram in (
            ("commit_seconds", "Seconds that one write to the log took, with its sync.", self.commit_seconds),
            ("commit_requests", "Requests that shared one write to the log.", self.commit_requests),
        ):
            family = HistogramMetricFamily(f"almanac_collector_{name}", text)
            family.add_metric([], histogram.buckets(), histogram.sum)
            yield family


def _gauges(status: dict[str, object], keys_age: float, trouble: str | None, in_flight: int) -> Iterable[Metric]:
    accepting = GaugeMetricFamily(
        "almanac_collector_accepting", "1 if events are accepted; else 0, with the code of the answer.", labels=["code"]
    )
    accepting.add_metric([trouble or ""], float(trouble is None))
    yield accepting
    yield GaugeMetricFamily("almanac_collector_in_flight_requests", "Requests not answered yet.", value=in_flight)
    yield GaugeMetricFamily(
        "almanac_collector_keys_age_seconds", "Seconds since the write keys were read.", value=keys_age
    )
    for name, text in (
        ("waiting_files", "Sealed log files that wait to be landed."),
        ("waiting_bytes", "Bytes of sealed log files that wait to be landed."),
        ("failing_files", "Log files that could not be landed so far."),
        ("damaged_files", "Log files that were set aside."),
    ):
        yield GaugeMetricFamily(f"almanac_collector_{name}", text, value=_number(status[name]))
    for name, text in (
        ("accepted_events", "Events landed in the lake since the start."),
        ("quarantined_events", "Events landed in quarantine since the start."),
    ):
        yield _counter(f"almanac_collector_landed_{name}", text, _number(status[name]))


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)


def _by_code(name: str, text: str, counts: Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=["code"])
    for code, count in list(counts.items()):
        family.add_metric([code], count)
    return family


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


class _Source(Source):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
