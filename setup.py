"""Puts the line that makes hydra-optuna-sweeper's module names importable into wheels, editable ones too."""

import zipfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

NAMES = "hydra_hpo_sweeper_names.pth"


class BuildWithNames(build_py):
    """Adds the file beside the packages, where Python reads it when it starts."""

    def run(self):
        super().run()
        if not self.editable_mode:
            self.copy_file(NAMES, str(Path(self.build_lib, NAMES)))

    def get_outputs(self, include_bytecode=True):
        own = [] if self.editable_mode else [str(Path(self.build_lib, NAMES))]
        return [*super().get_outputs(include_bytecode), *own]


class EditableWheelWithNames(editable_wheel):
    """Adds the file to the wheel that points at the source tree."""

    def run(self):
        before = set(Path(self.dist_dir or "dist").glob("*.whl"))
        super().run()
        for wheel in set(Path(self.dist_dir or "dist").glob("*.whl")) - before:
            with zipfile.ZipFile(wheel, "a") as content:
                content.write(NAMES, NAMES)


setup(cmdclass={"build_py": BuildWithNames, "editable_wheel": EditableWheelWithNames})
