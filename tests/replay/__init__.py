"""Incremental equals replay: random histories of landings, erasures and failures, against a rebuild and a reference."""
