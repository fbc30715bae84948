"""Words that must not be in the repository: package registries, paths of one machine, secrets, the workplace."""

import re
from pathlib import Path

from almanac.house.findings import Finding, line_of, text_files

# One letter of each word stands in brackets, so that this file does not find itself.
FORBIDDEN = {
    r"p[y]pi\.o|python[h]osted\.|registry\.n[p]mjs|deb\.d[e]bian\.": "a package registry: settings name it",
    r"(?<![\w.])/(?:ro[o]t|wo[r]k|ho[m]e/[a-z]\w*|Us[e]rs/[A-Za-z]\w*)/": "a path of one machine: make it relative",
    r"AK[I]A[0-9A-Z]{16}|-----BE[G]IN [A-Z ]*PRIVATE KEY": "a secret: take it out and revoke it",
    r"(?i:sub-?[a]gent|clo[s]ing note|befo[r]e-stop|\bissue #?[0-9]+ (?:asks|says|wants))": "a word of the workplace",
    r"\.\./sh[a]red/(?!data\b)": "a document outside the repository",
}
_ANY = re.compile("|".join(f"({pattern})" for pattern in FORBIDDEN))
_MESSAGES = tuple(FORBIDDEN.values())


def check_words(root: Path) -> list[Finding]:
    """Every line of a file of the repository that holds a forbidden word."""
    return [
        Finding(name, f"{match[0]!r} is {_MESSAGES[(match.lastindex or 1) - 1]}", line_of(text, match.start()))
        for name, text in text_files(root)
        for match in _ANY.finditer(text)
    ]
