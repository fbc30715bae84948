"""Backups: what cannot be computed again (the lake, the application state, the collector's log), in another place.

Belongs here: taking a backup, beside everything that runs, and restoring one. Does not belong here: the warehouse and
its versions, which a build makes from the lake.

A backup is a folder or a bucket's prefix. Its last file, `BACKUP.json`, names every file with its SHA-256 and is put
when all of them are there: a backup without it is none, and one that is taken anew stays the former one until then.
"""
