"""`almanac query`: ask the published version a question in SQL."""

import csv
import sys

import click


@click.command()
@click.argument("sql", required=False)
@click.option("--describe", metavar="TABLE", help="Show the columns of a table, with what they mean.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
def query(sql: str | None, describe: str | None, as_csv: bool) -> None:
    """Ask the published version a question in SQL; without one, list its tables.

    SQL is one query in DuckDB's dialect, or - to read it from standard input. README.md has ten to begin with.
    """
    from almanac.ask import ask, columns_of, connect, tables

    if sql and describe:
        raise click.UsageError("give SQL or --describe, not both")
    with connect() as con:
        if sql:
            answer = ask(con, sys.stdin.read() if sql == "-" else sql)
        else:
            answer = columns_of(con, describe) if describe else tables(con)
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([answer.columns, *answer.rows])
    else:
        click.echo(answer.text)


COMMANDS: dict[str, click.Command] = {"query": query}
