"""`almanac doctor`: one line for each thing that an installation needs."""

from collections.abc import Iterator
from functools import partial

import click

from almanac.doctor import EXAMINATIONS, Examination, Line
from almanac.doctor_services import collectors, daemon, serving
from almanac.errors import AlmanacError
from almanac.settings import Settings


@click.command()
@click.option("--deep", is_flag=True, help="Hash every file of the lake instead of comparing sizes.")
def doctor(deep: bool) -> None:
    """Look at this installation and say what to do about it.

    Python, packages, disk, ports, the lake, the application state, the published version, collectors, Dagster's
    settings and daemon, the serving database, locks and alerts; each line is ok, warn or fail. Changes nothing (a lake
    in an object store is tried with one small object, which is removed again); exit 1 if a line says fail.
    """
    settings = Settings.from_env()
    services: tuple[Examination, ...] = (collectors, _dagster, daemon, serving)
    examinations: tuple[Examination, ...] = (*EXAMINATIONS, *services, partial(_lake, deep=deep))
    failed = 0
    for examine in examinations:
        for line in examine(settings):
            click.echo(str(line))
            failed += line.verdict == "fail"
    if failed:
        raise AlmanacError(f"{failed} of the lines above say fail: do what they say behind the arrow")


def _dagster(settings: Settings) -> Iterator[Line]:
    """Whether Dagster's settings are those of this Almanac; nothing where Dagster never ran."""
    from yaml import YAMLError

    from orchestration import instance_file

    path = instance_file.path(settings)
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        others = instance_file.differing(text, settings)
    except YAMLError as error:
        reason = " ".join(str(error).split())
        yield Line("fail", "dagster", f"{path} cannot be read: {reason}", "mend it, or move it away to have a new one")
        return
    if instance_file.is_former(text, settings):
        yield Line("warn", "dagster", f"{path} is of an earlier Almanac", "Dagster's next start renews it")
    elif others:
        seen = f"{path} was changed, or is of another home: {', '.join(others)} differ from what Almanac writes"
        yield Line(
            "warn", "dagster", seen, "if that is not meant, move it away and restart Dagster: it is written anew"
        )
    else:
        yield Line("ok", "dagster", f"{path} is as this Almanac writes it")


def _lake(settings: Settings, deep: bool) -> Iterator[Line]:
    """Whether every file of the manifest is there and whole, and no other."""
    from ingestion.lake import Lake

    if settings.object_store is not None:
        from ingestion.lake_store_check import check_store

        well = True
        for went_well, seen, todo in check_store(settings.object_store):
            yield Line("ok", "store", seen) if went_well else Line("fail", "store", seen, todo)
            well = well and went_well
        if not well:
            return
    elif not settings.lake.exists():
        yield Line("warn", "lake", f"{settings.lake} does not exist yet", "almanac simulate, ingest or collect")
        return
    lake = Lake.open(settings)
    entries, problems = lake.entries(), lake.verify(deep=deep)
    for problem in problems:
        yield Line("fail", "lake", f"{problem.path} ({problem.code})", problem.message)
    if not problems:
        how = "hashed" if deep else "sizes compared; --deep hashes them"
        yield Line("ok", "lake", f"{len(entries):,} files, {sum(e.rows for e in entries):,} rows ({how})")
    if strangers := sorted({e.tenant for e in entries if e.kind == "events"} - lake.plan.tenants.keys()):
        seen = f"events of {', '.join(strangers)}, whom the tracking plan does not know: their days are cut in UTC"
        yield Line(
            "warn", "tenants", seen, "put the tenant's file back (ingestion/tracking_plan/tenants); a name is for good"
        )


COMMANDS: dict[str, click.Command] = {"doctor": doctor}
