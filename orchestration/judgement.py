"""What the gate said in this run, so that the publication at its end need not ask all of it again."""

from almanac.checks import CheckResult
from almanac.engines import open_warehouse
from almanac.publish import gate
from almanac.settings import Settings


class Judgement:
    """The gate of one run: asked by the assets of arrivals, and again only if another build came in between."""

    def __init__(self) -> None:
        self._of: str | None = None
        self._results: list[CheckResult] = []

    def made(self, settings: Settings) -> list[CheckResult]:
        """Every result that guards what is built now, asked for anew. Raises AlmanacError if it cannot be judged."""
        build, self._of = _build(settings), None  # before: if a build ends meanwhile, this judgement is about none
        self._results = gate(settings)
        self._of = build
        return self._results

    def known(self, settings: Settings) -> list[CheckResult]:
        """Those results without asking twice about the same build."""
        if self._of is None or self._of != _build(settings):
            return self.made(settings)
        return self._results


def _build(settings: Settings) -> str | None:
    """The id of the last whole build; None if there is none."""
    with open_warehouse(settings, read_only=True) as engine:
        rows = engine.execute("select value from ctl.state where name = 'run_id'")
    return rows[0][0] if rows else None
