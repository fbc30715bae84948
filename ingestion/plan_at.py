"""The tracking plan as it stood at a commit of the repository."""

import io
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from almanac.errors import AlmanacError
from ingestion.tracking_plan.load import FOLDER, read_plan
from ingestion.tracking_plan.model import Plan


def plan_at(root: Path, ref: str) -> Plan:
    """The plan of the repository at `root` as of the git reference `ref` (a branch, tag or commit).

    Raises AlmanacError if git does not know it, or if what stood there cannot be read as a plan.
    """
    _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", why=f"no commit {ref!r}")
    archive = _git(root, "archive", "--format=tar", ref, "--", FOLDER.as_posix(), why=f"no tracking plan at {ref!r}")
    with TemporaryDirectory(prefix="almanac-") as folder, tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            name = PurePosixPath(member.name)
            content = files.extractfile(member) if member.isfile() and name.suffix == ".yml" else None
            if content is not None:
                target = Path(folder) / FOLDER / name.relative_to(FOLDER.as_posix())
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
        plan, problems = read_plan(Path(folder))
    if plan is None or problems:
        raise AlmanacError(f"the tracking plan at {ref} cannot be read: {problems[0]}; compare with a later commit")
    return plan


def _git(root: Path, *arguments: str, why: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise AlmanacError("git is not installed: it knows how the tracking plan stood; install it") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        more = f" ({said[-1]})" if said else ""
        raise AlmanacError(
            f"{why} in {root}{more}: name a branch, tag or commit of this repository, such as origin/main"
        )
    return done.stdout
