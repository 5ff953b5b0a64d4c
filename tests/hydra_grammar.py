"""Run Hydra's own tests of its override grammar, with this plugin's functions in place.

They are in the source distribution of the installed version, which pip downloads.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

PLUGIN = "hydra_plugins.hydra_hpo_sweeper.config"
TESTS = "tests/test_overrides_parser.py"


def main() -> int:
    """Return the exit code of pytest."""
    with tempfile.TemporaryDirectory() as name:
        folder, wanted = Path(name), f"hydra-core=={version('hydra-core')}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--pre"]
        subprocess.run([*pip, "--dest", name, wanted], check=True)
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            member = next(item for item in archive if item.name.endswith(TESTS))
            source = archive.extractfile(member)
            assert source is not None
            text = source.read().decode()
        # The name that newer versions of pytest have for the class.
        text = text.replace(
            "from _pytest.python_api import RaisesContext", "from _pytest.raises import RaisesExc as RaisesContext"
        )
        (folder / "test_overrides_parser.py").write_text(text)
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider", "--rootdir", name]
        return subprocess.run([*pytest, str(folder / "test_overrides_parser.py")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
