"""A lake as a test sees it from below: its files as they are stored, in a folder or in a bucket."""

from dataclasses import dataclass, replace
from pathlib import Path

from almanac.object_store import ObjectStore
from almanac.settings import Settings
from ingestion.lake_store import Store, open_store


@dataclass(frozen=True)
class Place:
    """Where a lake lies. Everything here goes past the lake's own rules."""

    settings: Settings

    @classmethod
    def at(cls, home: Path, object_store: ObjectStore | None = None) -> "Place":
        """A lake of the installation at `home`, in its folder or in this bucket."""
        return cls(replace(Settings.for_home(home), object_store=object_store))

    @property
    def store(self) -> Store:
        """A store of its own, as another process would have it."""
        return open_store(self.settings)

    def files(self, folder: str = "") -> dict[str, bytes]:
        """Every file of the lake, or below one of its folders, with its content."""
        folders = [folder] if folder else ["events", "quarantine", "counters", "history", "schema", "manifest"]
        return {file.path: self.store.read(file.path) for name in folders for file in self.store.list(name)}
