"""Great Expectations on arriving data: rows per expected source and day, late and quarantined shares against history.

Belongs here: what can only be judged by comparing what arrived with what was expected or usual; the pages that say what
is expected and how the checks of a quarter went. Does not belong here: statements about the rows of a build, which are
dbt tests and live in `dbt_project`; the verdict on single events, which is the tracking plan's.
"""

from expectations.judge import CHECKS, load_ahead, run

__all__ = ["CHECKS", "load_ahead", "run"]
