"""``python -m sweeper_core.cli``: the same as ``hpo``."""

import sys

from sweeper_core.cli import hpo

sys.exit(hpo())
