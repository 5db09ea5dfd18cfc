"""Show information about ROS interfaces."""

from __future__ import annotations

import argparse
import os
import re
import sys

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from ros2cli.cli import CommandError

_FIELD = re.compile(r"([A-Za-z]\w*(?:/[A-Za-z]\w*)?)(?:<=\d+)?(?:\[[^\]]*\])?\s+\w")
_PLAIN = re.compile(r"bool|byte|char|u?int(8|16|32|64)|float(32|64)|w?string")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="show", required=True)
    show = verbs.add_parser("show", help="output the interface definition")
    show.add_argument("type", help="an interface definition (e.g. 'std_msgs/msg/String'); '-' reads it from stdin")
    comments = show.add_mutually_exclusive_group()
    comments.add_argument("--all-comments", action="store_true", help="show the comments of nested definitions as well")
    comments.add_argument("--no-comments", action="store_true", help="show no comments or whitespace")
    show.set_defaults(main=main_show)


def main_show(args: argparse.Namespace) -> None:
    """Print an interface and, indented, the messages in it."""
    name = sys.stdin.readline().strip() if args.type == "-" else args.type
    show_interface(name, not args.no_comments, args.all_comments)


def show_interface(name: str, comments: bool, nested_comments: bool, indention: str = "") -> None:
    """Print an interface; the messages in it are indented by one more tabulator."""
    for line in interface_lines(name):
        code, _, comment = line.partition("#")
        if comments:
            print(f"{indention}{line}" if line else "")
        elif code.strip():
            # As officially, where a space follows it, the sign of the comment stays.
            end = line.find(comment.strip()) - 1 if comment else None
            print(indention + line[:end].rstrip())
        field = _FIELD.match(code)
        if field and not _PLAIN.fullmatch(field[1]):
            package, _, message = field[1].rpartition("/")
            nested = f"{package or name.split('/')[0]}/msg/{message}"
            show_interface(nested, nested_comments, nested_comments, f"{indention}\t")


def interface_lines(name: str) -> list[str]:
    """Return the lines of an interface's file.

    Raises:
        CommandError: there is no such interface.
    """
    parts = name.split("/")
    if len(parts) != 3 or not all(parts):
        raise CommandError(f"Invalid name '{name}'. Expected three parts separated by '/'")
    try:
        path = os.path.join(get_package_share_directory(parts[0]), parts[1], f"{parts[2]}.{parts[1]}")
        with open(path, encoding="utf-8") as file:
            return [line.rstrip() for line in file]
    except PackageNotFoundError:
        raise CommandError(f"Unknown package '{parts[0]}'") from None
    except OSError:
        raise CommandError(f"Could not find the interface '{path}'") from None
