"""Run a launch file."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n",
        "--noninteractive",
        default=not sys.stdin.isatty(),
        action="store_true",
        help="run the launch system non-interactively, with no terminal associated",
    )
    parser.add_argument("-d", "--debug", action="store_true", help="print tracebacks")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "-p", "--print", "--print-description", action="store_true", help="print the description, launch nothing"
    )
    shown.add_argument(
        "-s", "--show-args", "--show-arguments", action="store_true", help="show arguments of the launch file"
    )
    parser.add_argument(
        "-a",
        "--show-all-subprocesses-output",
        action="store_true",
        help="show all launched subprocesses' output by setting OVERRIDE_LAUNCH_PROCESS_OUTPUT=both",
    )
    parser.add_argument(
        "--launch-prefix", help="command that goes before all executables, such as 'gdb -ex run --args'"
    )
    parser.add_argument("--launch-prefix-filter", help="only before those whose name this regular expression matches")
    parser.add_argument("package_name", help="name of the ROS package which contains the launch file, or its path")
    parser.add_argument("launch_file_name", nargs="?", help="name of the launch file")
    parser.add_argument(
        "launch_arguments", nargs="*", help="arguments to the launch file; '<name>:=<value>' (the last one wins)"
    )


def main(args: argparse.Namespace) -> int:
    from launch import LaunchContext, LaunchDescription, LaunchIntrospector, LaunchService
    from launch import logging as launch_logging
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import AnyLaunchDescriptionSource

    try:
        path, words = _find(args)
        words += _prefixes(args)
        given = parse_launch_arguments(words)
    except (OSError, PackageNotFoundError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    source = AnyLaunchDescriptionSource(path)
    if args.print:
        print(LaunchIntrospector().format_launch_description(source.get_launch_description(LaunchContext())))
        return 0
    if args.show_args:
        print_arguments(source.try_get_launch_description_without_context())
        return 0
    if args.show_all_subprocesses_output:
        os.environ["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
    logger = launch_logging.get_logger("launch")
    service = LaunchService(argv=words, noninteractive=args.noninteractive, debug=args.debug)
    include = IncludeLaunchDescription(source, launch_arguments=list(given.items()))
    try:
        for warning in unknown_arguments(given, include):
            logger.warning(warning)
    except Exception:  # the file does not load: the launch itself reports that
        pass
    service.include_launch_description(LaunchDescription([include]))
    return service.run()


def _prefixes(args: argparse.Namespace) -> list[str]:
    """Return the options about prefixes as the launch arguments that they stand for."""
    if args.launch_prefix_filter and not args.launch_prefix:
        raise RuntimeError("--launch-prefix must be specified if --launch-prefix-filter is provided")
    words = [f"launch-prefix:={args.launch_prefix}"] if args.launch_prefix else []
    return [*words, *([f"launch-prefix-filter:={args.launch_prefix_filter}"] if args.launch_prefix_filter else [])]


def _find(args: argparse.Namespace) -> tuple[str, list[str]]:
    """Return the path of the launch file and the words of its arguments."""
    if os.path.isfile(args.package_name):
        words = [*([args.launch_file_name] if args.launch_file_name else []), *args.launch_arguments]
        return args.package_name, words
    if args.launch_file_name is None:
        raise RuntimeError(
            f"file '{args.package_name}' was not found; usage: ros2 launch PACKAGE FILE, or ros2 launch PATH"
        )
    share = get_package_share_directory(args.package_name)
    found = sorted(path for path in Path(share).rglob(args.launch_file_name))
    if not found:
        there = ", ".join(sorted(path.name for path in Path(share).rglob("*.launch.*"))) or "none"
        raise FileNotFoundError(
            f"file '{args.launch_file_name}' was not found in the share directory of package '{args.package_name}' "
            f"which is at '{share}' (launch files there: {there})"
        )
    if len(found) > 1:
        raise RuntimeError(
            f"file '{args.launch_file_name}' was found more than once in the share directory of package "
            f"'{args.package_name}': {[str(path) for path in found]}"
        )
    return str(found[0]), args.launch_arguments


def parse_launch_arguments(words: list[str]) -> dict[str, str]:
    """Parse `name:=value` words; the last one of a name wins.

    Raises:
        RuntimeError: a word has another form.
    """
    given = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not name or not separator or not value:
            raise RuntimeError(f"malformed launch argument '{word}', expected format '<name>:=<value>'")
        given[name] = value
    return given


def unknown_arguments(given: dict[str, str], include: object) -> list[str]:
    """Return warnings about arguments that no file declares: officially they are taken in silence."""
    from launch import LaunchDescription

    declared = [a.name for a in LaunchDescription([include]).get_launch_arguments()]  # type: ignore[list-item]
    always_known = ("emulate_tty", "sigterm_timeout", "sigkill_timeout", "launch-prefix", "launch-prefix-filter")
    warnings = []
    for name in given:
        if name not in declared and name not in always_known:
            near = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(declared) or 'none'}"
            warnings.append(f"the launch file has no argument '{name}'; {hint}")
    return warnings


def print_arguments(description: object) -> None:
    """Print the arguments of a launch description as `ros2 launch --show-args` does."""
    print("Arguments (pass arguments as '<name>:=<value>'):")
    arguments = description.get_launch_arguments()  # type: ignore[attr-defined]
    for argument in arguments:
        print(f"\n    '{argument.name}':{'*' if argument._conditionally_included else ''}")
        print(f"        {argument.description}")
        if argument.default_value is not None:
            print(f"        (default: {' + '.join(part.describe() for part in argument.default_value)})")
    if not arguments:
        print("\n  No arguments.")
    if any(argument._conditionally_included for argument in arguments):
        print("\n* argument(s) which are only used if specific conditions occur")
