"""Adding up: the only place of the portal that adds numbers of a KPI.

Allowed because the version stores numerator and denominator, and only for KPIs whose parts are additive.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Parts:
    """Numerator and denominator of a KPI over some periods; None where there is none."""

    numerator: Decimal | None
    denominator: Decimal | None

    @property
    def value(self) -> Decimal | None:
        """Numerator over denominator; None without a numerator, and where the denominator is 0 or missing."""
        if self.numerator is None or not self.denominator:
            return None
        return self.numerator / self.denominator


def add_up(parts: Iterable[Parts], *, has_denominator: bool) -> Parts:
    """The parts of an additive KPI over all given periods; missing parts count nothing, as in a sum of SQL.

    A KPI without a denominator of its own has the constant 1 in every period, and over all of them too.
    """
    found = list(parts)
    numerators = [p.numerator for p in found if p.numerator is not None]
    denominators = [p.denominator for p in found if p.denominator is not None]
    numerator = sum(numerators, Decimal(0)) if numerators else None
    if not has_denominator:
        return Parts(numerator, Decimal(1) if denominators else None)
    return Parts(numerator, sum(denominators, Decimal(0)) if denominators else None)
