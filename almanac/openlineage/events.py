"""The shape of events and facets, after the specification of OpenLineage 2-0-2."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from almanac.openlineage.datasets import Dataset

Event = dict[str, Any]
Facets = dict[str, Any]
State = Literal["START", "COMPLETE", "FAIL"]

PRODUCER = "urn:almanac:analytics-warehouse"
RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "parent": "1-1-0/ParentRunFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "jobType": "2-0-3/JobTypeJobFacet",
    "schema": "1-1-1/SchemaDatasetFacet",
    "documentation": "1-0-1/DocumentationDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "dataQualityAssertions": "1-0-1/DataQualityAssertionsDatasetFacet",
}
_LONGEST_MESSAGE = 300  # characters, as in the note for readers


@dataclass(frozen=True)
class Run:
    """A run of a job, as events name it; `id` is a UUID."""

    namespace: str
    job: str
    id: str


@dataclass(frozen=True)
class Telling:
    """A run with what all of its events say: what kind of job it is, and by which run it was started."""

    run: Run
    integration: str
    kind: str
    parent: Run | None = None


def facet(name: str, content: Facets) -> Facets:
    """A facet under its name, with the addresses that the specification asks for."""
    folder_and_file = _FACETS[name]
    schema = f"https://openlineage.io/spec/facets/{folder_and_file}.json#/$defs/{folder_and_file.partition('/')[2]}"
    return {name: {"_producer": PRODUCER, "_schemaURL": schema, **content}}


def event(
    telling: Telling,
    state: State,
    at: datetime,
    *,
    inputs: Sequence[Dataset] = (),
    outputs: Sequence[Dataset] = (),
    error: str = "",
) -> Event:
    """One event of a run at an aware time; `error` is what ended it."""
    run = telling.run
    about: Facets = {}
    if telling.parent:
        by = telling.parent
        about |= facet("parent", {"run": {"runId": by.id}, "job": {"namespace": by.namespace, "name": by.job}})
    if error:
        language = "SQL" if telling.integration == "DBT" else "PYTHON"
        message = " ".join(error.split())[:_LONGEST_MESSAGE]
        about |= facet("errorMessage", {"message": message, "programmingLanguage": language})
    kind = {"processingType": "BATCH", "integration": telling.integration, "jobType": telling.kind}
    return {
        "eventType": state,
        "eventTime": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "run": {"runId": run.id, "facets": about},
        "job": {"namespace": run.namespace, "name": run.job, "facets": facet("jobType", kind)},
        "inputs": [_dataset(one, "inputFacets") for one in inputs],
        "outputs": [_dataset(one, "outputFacets") for one in outputs],
        "producer": PRODUCER,
        "schemaURL": RUN_EVENT,
    }


def _dataset(dataset: Dataset, side: str) -> Facets:
    """A dataset as an input or output; what its tests found is said of an input alone, as the specification has it."""
    facets: Facets = {}
    if dataset.fields:
        fields = [{k: v for k, v in one.items() if v} for one in dataset.fields]
        facets |= facet("schema", {"fields": fields})
    if dataset.description:
        facets |= facet("documentation", {"description": dataset.description})
    if dataset.version:
        facets |= facet("version", {"datasetVersion": dataset.version})
    found = {"namespace": dataset.namespace, "name": dataset.name, "facets": facets}
    if dataset.assertions:
        found[side] = facet("dataQualityAssertions", {"assertions": list(dataset.assertions)})
    return found
