"""Loading launch files."""

from __future__ import annotations

import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from .launch_description import LaunchDescription
from .launch_description_source import LaunchDescriptionSource
from .unsupported import missing_names, refuse

__getattr__ = missing_names(__name__)


class InvalidPythonLaunchFileError(Exception):
    """The file is no Python launch file."""


def get_launch_description_from_python_launch_file(python_launch_file_path: str) -> LaunchDescription:
    """Load a Python launch file and call its `generate_launch_description()`.

    Raises:
        FileNotFoundError: there is no such file.
        InvalidPythonLaunchFileError: it does not define the function.
    """
    path = python_launch_file_path
    if not os.path.isfile(path):
        raise FileNotFoundError(f"launch file '{path}' does not exist")
    loader = SourceFileLoader("python_launch_file", path)
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    if not hasattr(module, "generate_launch_description"):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{path}' does not contain the required function 'generate_launch_description()'"
        )
    description = module.generate_launch_description()
    if not isinstance(description, LaunchDescription):
        raise InvalidPythonLaunchFileError(f"generate_launch_description() in '{path}' returned {description!r}")
    return description


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file in Python."""

    def _load(self, path: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(path)


class AnyLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file in any language; here only Python."""

    def _load(self, path: str) -> LaunchDescription:
        for ending, package in ((".xml", "launch_xml"), (".yaml", "launch_yaml"), (".yml", "launch_yaml")):
            if path.endswith(ending):
                refuse(f"the launch file '{path}' in {ending[1:].upper()}", package)
        return get_launch_description_from_python_launch_file(path)
