"""A process that has no data frames can do without pandas, and is none the wiser."""

import subprocess
import sys

CODE = """
import sys
from almanac.without_pandas import leave_pandas_out
leave_pandas_out()
import pyarrow as pa
assert pa.array([1, 2]).to_pylist() == [1, 2]
assert "pandas" not in sys.modules, "pyarrow looked for it all the same"
import pandas
assert pandas.Series([1]).sum() == 1, "whoever asks for it by name gets it"
leave_pandas_out()
"""


def test_pyarrow_does_not_look_for_pandas() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=120)
