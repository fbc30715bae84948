"""What a check says: one shape for dbt tests, Great Expectations and the lake."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["dbt", "expectation", "lake"]
Severity = Literal["error", "warn"]
NOT_RUN = "did not run"  # the message of a check that an earlier failure kept from being asked


@dataclass(frozen=True)
class CheckResult:
    """One check of one subject (a model or a source). A failed check of severity `error` blocks publishing."""

    name: str
    kind: Kind
    subject: str
    severity: Severity
    passed: bool
    message: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def was_asked(self) -> bool:
        """Whether it says anything about its subject: a check behind a failed model does not pass and says nothing."""
        return self.passed or self.message != NOT_RUN

    @property
    def blocks(self) -> bool:
        """Whether this result forbids publishing."""
        return not self.passed and self.severity == "error"
