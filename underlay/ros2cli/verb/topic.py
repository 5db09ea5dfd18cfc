"""Various topic related sub-commands."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ros2cli import topic_echo, topic_hz, topic_list, topic_pub

    verbs = parser.add_subparsers(dest="topic_verb", metavar="list | echo | hz | pub", required=True)
    modules: dict[str, Any] = {"list": topic_list, "echo": topic_echo, "hz": topic_hz, "pub": topic_pub}
    for name, module in modules.items():
        verb = verbs.add_parser(name, help=module.__doc__, description=module.__doc__)
        module.add_arguments(verb)
        verb.set_defaults(topic_main=module.main)


def main(args: argparse.Namespace) -> int | None:
    return args.topic_main(args)
