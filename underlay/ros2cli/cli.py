"""Entry point of `ros2`: finds the verbs by their module names and runs one."""

import argparse
import importlib
import pkgutil
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import ros2cli.verb


class CommandError(Exception):
    """The command cannot be done; its message is for the user, its exit code is 1."""


class Parser(argparse.ArgumentParser):
    """Says where commands and options are that this stand-in does not have."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(
            2,
            f"{self.prog}: error: {message}\n(This is ALOE's stand-in; if the official command has that, it needs the "
            "package ros-jazzy-ros2cli-common-extensions.)\n",
        )


def verb_names() -> list[str]:
    """Names of the verbs that exist here, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(ros2cli.verb.__path__) if module.name[0] != "_")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ros2 VERB ...` and return its exit code.

    Only the module of the asked verb is imported, so that `ros2 run` does not wait for rclpy.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(prog="ros2", description="ros2 command line (ALOE's stand-in for ros2cli)")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    asked = argv[0] if argv else ""
    names = verb_names()
    for name in [asked] if asked in names else names:
        module = importlib.import_module(f"ros2cli.verb.{name}")
        summary = (module.__doc__ or "").strip().splitlines()[0]
        verb = verbs.add_parser(name, help=summary, description=summary)
        module.add_arguments(verb)
        if hasattr(module, "main"):  # else each of its own verbs has one
            verb.set_defaults(main=module.main)
    args = parser.parse_args(argv)
    try:
        return int(args.main(args) or 0)
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return signal.SIGINT
