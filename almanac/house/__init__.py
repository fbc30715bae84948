"""Checks of what the repository says: portable SQL, one place for each statement, no stray words.

Belongs here: checks that read committed files and nothing else. Does not belong here: checks of rows (dbt tests,
expectations) and of one part's own files (each part checks its own; `almanac check` calls them all).
"""
