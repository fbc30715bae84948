"""Every planted mistake in the incremental build is caught by a random history; the seeds that catch them are kept."""

from pathlib import Path

import pytest

from tests.replay.mutations import MUTATIONS, Mutation
from tests.replay.project import FailingDbt, copy_project
from tests.replay.runs import History

ORDINARY = ("copies ordered by landing", "anti-join with the target", "compaction marks its landings")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a tenant for every zone."""
    return copy_project(tmp_path_factory.mktemp("project"))


def _marked(mutation: Mutation) -> object:
    marks = () if mutation.name.startswith(ORDINARY) else (pytest.mark.deep,)
    return pytest.param(mutation, id=mutation.name, marks=marks)


@pytest.mark.parametrize("mutation", [_marked(m) for m in MUTATIONS])
def test_the_mutation_is_caught(
    mutation: Mutation, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history of the mutation's seed differs from the reference or from its replay."""
    if mutation.replace:
        mutation.replace(monkeypatch)
    history = History(mutation.seed, root, tmp_path, FailingDbt(mutation.patch), aim=mutation.aim)
    with pytest.raises(AssertionError):
        _play_and_replay(history)


def _play_and_replay(history: History) -> None:
    history.play()
    assert history.replay() == {}
