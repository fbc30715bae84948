"""Telling people: what is wrong becomes an incident, an incident becomes one message to each channel.

Belongs here: what counts as wrong, the words, the channels. Does not belong here: judging data (expectations, dbt
tests), running jobs (orchestration); the books of incidents are application state (almanac.state).
"""
