"""Entry point of `ros2`: finds the verbs by their module names and runs one."""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence

import ros2cli.verb

OFFICIAL_ONLY = [
    "action",
    "component",
    "control",
    "daemon",
    "doctor",
    "interface",
    "lifecycle",
    "multicast",
    "pkg",
    "security",
    "wtf",
]


def verb_names() -> list[str]:
    """Names of the verbs that exist here, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(ros2cli.verb.__path__) if module.name[0] != "_")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ros2 VERB ...` and return its exit code.

    Only the module of the asked verb is imported, so that `ros2 run` does not wait for rclpy.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="ros2", description="ros2 command line (ALOE's stand-in for ros2cli)")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    asked = argv[0] if argv else ""
    if asked in OFFICIAL_ONLY:
        parser.exit(1, f"ros2: '{asked}' is not in this stand-in; it needs the official ros2cli (ROS 2 Jazzy)\n")
    names = verb_names()
    for name in [asked] if asked in names else names:
        module = importlib.import_module(f"ros2cli.verb.{name}")
        summary = (module.__doc__ or "").strip().splitlines()[0]
        verb = verbs.add_parser(name, help=summary, description=summary)
        module.add_arguments(verb)
        verb.set_defaults(main=module.main)
    args = parser.parse_args(argv)
    try:
        return int(args.main(args) or 0)
    except KeyboardInterrupt:
        return 130
