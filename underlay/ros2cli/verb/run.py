"""Run a package specific executable."""

import argparse
import os
import shlex
import sys

from ament_index_python.packages import PackageNotFoundError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", help="prefix command, which should go before the executable")
    parser.add_argument("package_name", help="name of the ROS package")
    parser.add_argument("executable_name", help="name of the executable")
    parser.add_argument("argv", nargs=argparse.REMAINDER, help="pass arbitrary arguments to the executable")


def main(args: argparse.Namespace) -> int:
    from launch_ros.substitutions import executables

    try:
        found = executables(args.package_name)
    except PackageNotFoundError:
        print(f"Package '{args.package_name}' not found", file=sys.stderr)
        return 1
    if args.executable_name not in found:
        print(
            f"No executable found: '{args.executable_name}' (package '{args.package_name}' has: "
            f"{', '.join(found) or 'none'})",
            file=sys.stderr,
        )
        return 1
    command = [*shlex.split(args.prefix or ""), found[args.executable_name], *args.argv]
    # The official command stays as the parent; taking its place passes signals on and leaves no orphan.
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot run '{command[0]}': {error.strerror}", file=sys.stderr)
    return 1
