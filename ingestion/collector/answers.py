"""What is answered to a request whose events were judged and written to the log."""

from collections.abc import Sequence

import msgspec

from ingestion.collector.door import OUT_OF_SCOPE, Verdict
from ingestion.collector.problems import Problem

_STATUS = {"event_too_large": 413, OUT_OF_SCOPE: 403}
_ONE_ACCEPTED = b'{"success":true,"accepted":1,"rejected":0}'


def answer(verdicts: Sequence[Verdict], is_batch: bool) -> bytes:
    """The JSON of a 200, with index, code, field and message of every event that was refused.

    Raises Problem if none was accepted: `all_rejected` for a batch, its own code for a single event.
    """
    rejected = 0
    for verdict in verdicts:
        if verdict.reasons:
            rejected += 1
    if not rejected and len(verdicts) == 1:
        return _ONE_ACCEPTED
    errors: list[dict[str, object]] = []
    if rejected:
        errors = [
            {"index": index, "code": reason.code, "field": reason.field, "message": reason.message}
            for index, verdict in enumerate(verdicts)
            for reason in verdict.reasons
        ]
    accepted = len(verdicts) - rejected
    if accepted == 0:
        raise _refused(verdicts, errors, is_batch)
    document: dict[str, object] = {"success": True, "accepted": accepted, "rejected": rejected}
    if errors:
        document["errors"] = errors
    return msgspec.json.encode(document)


def _refused(verdicts: Sequence[Verdict], errors: list[dict[str, object]], is_batch: bool) -> Problem:
    extra: dict[str, object] = {"accepted": 0, "rejected": len(verdicts), "errors": errors}
    first = verdicts[0].reasons[0]
    if is_batch:
        # Client libraries show people this message at best, and nothing of `errors`.
        many = f"None of the {len(verdicts):,} events was accepted. The first one"
        what = many if len(verdicts) > 1 else "The one event of the batch was not accepted"
        return Problem(400, "all_rejected", f"{what}: {first.message}.", extra=extra, kept=True)
    status = _STATUS.get(first.code, 400)
    return Problem(status, first.code, first.message, extra={"field": first.field, **extra}, kept=True)
