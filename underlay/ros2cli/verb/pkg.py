"""Various package related sub-commands."""

from __future__ import annotations

import argparse
import os

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
    get_packages_with_prefixes,
)

from ros2cli.cli import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="executables | list | prefix", required=True)
    executables = verbs.add_parser("executables", help="output a list of package specific executables")
    executables.add_argument("package_name", nargs="?", help="the package name; default is all")
    executables.add_argument("--full-path", action="store_true", help="show full path of each executable")
    executables.set_defaults(main=list_executables)
    verbs.add_parser("list", help="output a list of available packages").set_defaults(main=list_packages)
    prefix = verbs.add_parser("prefix", help="output the prefix path of a package")
    prefix.add_argument("package_name", help="the package name")
    prefix.add_argument("--share", action="store_true", help="show share directory for the package")
    prefix.set_defaults(main=show_prefix)


def list_executables(args: argparse.Namespace) -> None:
    """Print what `ros2 run` can run."""
    from launch_ros.substitutions import executables

    for package in sorted([args.package_name] if args.package_name else get_packages_with_prefixes()):
        try:
            paths = executables(package).values()
        except PackageNotFoundError:
            raise CommandError(f"Package '{package}' not found") from None
        for path in sorted(paths):
            print(path if args.full_path else f"{package} {os.path.basename(path)}")


def list_packages(args: argparse.Namespace) -> None:
    """Print the names of all packages."""
    for package in sorted(get_packages_with_prefixes()):
        print(package)


def show_prefix(args: argparse.Namespace) -> None:
    """Print where a package is installed."""
    try:
        print((get_package_share_directory if args.share else get_package_prefix)(args.package_name))
    except (PackageNotFoundError, ValueError):
        raise CommandError("Package not found") from None
