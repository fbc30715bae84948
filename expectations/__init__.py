"""Great Expectations on arriving data: rows per expected source and day, late and quarantined shares against history.

Statements about the rows of a build are dbt tests and live in dbt_project.
"""
