"""What changed in the tracking plan, as a report for a pull request."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from ingestion.refused_ahead import Ahead
from ingestion.tracking_plan.compare import Change


def diff_text(changes: Sequence[Change], ahead: Ahead, days: int, ref: str) -> str:
    """A line for each change, `breaking` or `safe`, and what the lake's newest events would come to."""
    if not changes:
        return f"the tracking plan is the same as at {ref}"
    width = max(len(change.where) for change in changes)
    lines = [f"{_word(change):<8}  {change.where:<{width}}  {change.text}" for change in changes]
    breaking = sum(change.is_breaking for change in changes)
    lines += ["", f"{breaking} breaking, {len(changes) - breaking} safe"]
    if ahead.judged:
        share = ahead.refused.total() / ahead.judged
        lines.append(
            f"of {ahead.judged:,} events of the lake's last {days} days that this concerns,"
            f" {ahead.refused.total():,} would now be refused ({share:.1%})"
        )
        lines += [
            f"  {tenant}  {event}  {field or '-'}  {code}  {count:,}"
            for (tenant, event, code, field), count in ahead.refused.most_common()
        ]
    return "\n".join(lines)


def diff_document(changes: Sequence[Change], ahead: Ahead, days: int) -> str:
    """The same as JSON."""
    refused = [
        {"tenant": tenant, "event": event, "code": code, "field": field, "events": count}
        for (tenant, event, code, field), count in ahead.refused.most_common()
    ]
    document = {
        "changes": [asdict(change) for change in changes],
        "breaking": sum(change.is_breaking for change in changes),
        "days": days,
        "judged": ahead.judged,
        "refused": refused,
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _word(change: Change) -> str:
    return "breaking" if change.is_breaking else "safe"
