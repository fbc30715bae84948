"""Which published versions stay on the disk."""

import os
from pathlib import Path

import duckdb

from almanac.settings import Settings
from almanac.version_store import kept_versions, prune
from almanac.versions import hold


def place(home: Path) -> Settings:
    settings = Settings.for_home(home)
    settings.versions.mkdir(parents=True)
    return settings


def publish(settings: Settings, name: str, *, corrections: int) -> None:
    """Write a version as small as one can be, and make it the current one."""
    path = settings.versions / f"{name}.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"create table publication as select '{name}' as publication_id, {corrections} as corrections")
        con.execute("create table kpi_catalogue as select 'gmv' as kpi, '' as definition_hash")
    number = len(list(settings.versions.glob("*.duckdb")))
    os.utime(path, (number, number))
    (settings.versions / "CURRENT").write_text(name + "\n")


def names(settings: Settings) -> list[str]:
    return [version.id for version in kept_versions(settings)]


def test_the_last_three_versions_stay(tmp_path: Path) -> None:
    settings = place(tmp_path)
    for name in "abcd":
        publish(settings, name, corrections=1)
    assert [version.id for version in prune(settings)] == ["a"]
    assert names(settings) == ["b", "c", "d"]


def test_nobody_who_was_erased_comes_back_with_an_earlier_version(tmp_path: Path) -> None:
    settings = place(tmp_path)
    publish(settings, "a", corrections=0)
    publish(settings, "b", corrections=0)
    publish(settings, "c", corrections=1)  # built when rows had left the lake
    with hold(kept_versions(settings)[0]):
        assert [version.id for version in prune(settings)] == ["b"], "one that is read stays until it is not"
    assert [version.id for version in prune(settings)] == ["a"]
    assert names(settings) == ["c"]


def test_a_damaged_version_keeps_nobody_from_publishing(tmp_path: Path) -> None:
    settings = place(tmp_path)
    publish(settings, "a", corrections=0)
    (settings.versions / "a.duckdb").write_bytes(b"no database")
    publish(settings, "b", corrections=0)
    assert prune(settings) == []
    assert set(names(settings)) == {"a", "b"}
