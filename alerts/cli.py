"""`almanac alerts look | list | test`: telling people what failed."""

import sys
from datetime import UTC, datetime
from textwrap import shorten

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings

SHOWN_CAUSE = 110  # characters


@click.group()
def alerts() -> None:
    """Tell people what failed: look now, list incidents, try the channels.

    Dagster looks every half minute in production. Slack is reached with ALMANAC_SLACK_WEBHOOK_URL, e-mail with
    ALMANAC_SMTP_URL, ALMANAC_MAIL_FROM and ALMANAC_MAIL_TO; without either, incidents are only written down.
    """


@alerts.command("look")
def look_now() -> None:
    """Look at what is wrong now, and send what is due; exit 1 if a channel did not take a message."""
    from alerts.channels import channels
    from alerts.notify import look
    from alerts.problems import is_over, problems_now
    from almanac.state import open_state

    settings, now = Settings.from_env(), datetime.now(UTC)
    state = open_state(settings)
    try:
        looked = look(
            state,
            problems_now(settings, now),
            channels(settings),
            now,
            settings.portal_url,
            lambda incident: is_over(settings, incident),
        )
    finally:
        state.close()
    click.echo(looked.words())
    if looked.errors:
        sys.exit(1)


@alerts.command("list")
@click.option("--limit", default=20, show_default=True, help="The most incidents to show.")
def list_incidents(limit: int) -> None:
    """The newest incidents, open ones first, and the messages that were not delivered."""
    from almanac.state import MOST_ATTEMPTS, incidents, open_state, undelivered
    from almanac.tables import text_table

    state = open_state(Settings.from_env())
    try:
        known, missing = incidents(state, limit), undelivered(state)
    finally:
        state.close()
    if not known:
        click.echo("no incident so far")
        return
    rows = [
        (
            f"{one.opened_at:%Y-%m-%d %H:%M}",
            f"{one.closed_at:%Y-%m-%d %H:%M}" if one.closed_at else "open",
            one.problem.title,
            shorten(one.problem.cause, SHOWN_CAUSE, placeholder=" ..."),
        )
        for one in known
    ]
    click.echo(text_table(["opened (UTC)", "closed", "what", "cause"], rows))
    for one in missing:
        what = "given up" if one.is_given_up else f"attempt {one.message.attempt} of {MOST_ATTEMPTS}"
        click.echo(
            f"not delivered to {one.message.channel} ({what}): {one.message.incident.problem.title}: {one.error}"
        )


@alerts.command()
def test() -> None:
    """Send a trial message to every channel; exit 1 if one of them does not take it."""
    from alerts.channels import channels
    from alerts.delivery import DeliveryError
    from alerts.notices import trial

    settings = Settings.from_env()
    found = channels(settings)
    if not found:
        raise AlmanacError("no channel is configured: set ALMANAC_SLACK_WEBHOOK_URL or ALMANAC_SMTP_URL (.env.example)")
    failed = False
    for name, channel in found.items():
        try:
            channel.send(trial(settings.portal_url))
            click.echo(f"{name}: sent")
        except DeliveryError as error:
            failed = True
            click.echo(f"{name}: {error}", err=True)
    if failed:
        sys.exit(1)


COMMANDS: dict[str, click.Command] = {"alerts": alerts}
