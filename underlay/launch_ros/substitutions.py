"""Substitutions that find packages and their executables."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch.launch_context import LaunchContext
from launch.substitution import SomeSubstitutionsType, Substitution
from launch.substitutions import SubstitutionFailure
from launch.unsupported import missing_names
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

__getattr__ = missing_names(__name__, "launch_ros")


def executables(package: str) -> dict[str, str]:
    """Return the executables of a package, name to path.

    Raises:
        PackageNotFoundError: no such package is on AMENT_PREFIX_PATH.
    """
    folder = Path(get_package_prefix(package)) / "lib" / package
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and os.access(path, os.X_OK))
    return {path.name: str(path) for path in paths}


class _OfPackage(Substitution):
    def __init__(self, package: SomeSubstitutionsType) -> None:
        self.package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        return f"{type(self).__name__}(pkg={' + '.join(part.describe() for part in self.package)})"


class FindPackageShare(_OfPackage):
    """The share folder of a package, which holds its launch and config files."""

    def perform(self, context: LaunchContext) -> str:
        return get_package_share_directory(perform_substitutions(context, self.package))


class ExecutableInPackage(_OfPackage):
    """The path of an executable in `<prefix>/lib/<package>/`."""

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        super().__init__(package)
        self.executable = normalize_to_list_of_substitutions(executable)

    def perform(self, context: LaunchContext) -> str:
        package = perform_substitutions(context, self.package)
        name = perform_substitutions(context, self.executable)
        found = executables(package)
        if name not in found:
            folder = os.path.join(get_package_prefix(package), "lib", package)
            raise SubstitutionFailure(
                f"executable '{name}' not found on the libexec directory '{folder}' "
                f"(there: {', '.join(found) or 'none'})"
            )
        return found[name]
