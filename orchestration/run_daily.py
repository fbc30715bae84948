"""`python -m orchestration.run_daily`: run the job `daily` once, here and now, as Dagster records it.

For the demo, for cron, and for a machine on which no Dagster daemon runs. Exit code 0 if new numbers are published or
none were needed, 1 if the run failed; readers then keep the numbers they have.
"""

import sys

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.spawned_dbt import started


def main() -> int:
    """Run it with the settings of the environment."""
    try:
        settings = Settings.from_env()
        with started(settings) as dbt:
            from orchestration.daily import run_daily  # Dagster takes as long to load as dbt does beside it

            version = run_daily(settings, dbt)
    except AlmanacError as error:
        sys.stderr.write(f"Error: {' '.join(str(error).split())}\n")
        return 1
    sys.stdout.write(f"Readers see version {version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
