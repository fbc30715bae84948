"""Exit code 0 if an address answers with success: the health check of a container that has no curl.

`python deploy/answers.py <address>`
"""

import sys
import urllib.request


def main() -> None:
    """Ask once; whatever goes wrong is one line."""
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=8):
            return
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
