"""Various topic related sub-commands."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ros2cli import topic_bw, topic_echo, topic_hz, topic_info, topic_kind, topic_list, topic_pub

    modules: dict[str, Any] = {"list": topic_list, "info": topic_info, "type": topic_kind, "echo": topic_echo}
    modules |= {"hz": topic_hz, "bw": topic_bw, "pub": topic_pub}
    verbs = parser.add_subparsers(metavar=" | ".join(modules), required=True)
    for name, module in modules.items():
        verb = verbs.add_parser(name, help=module.__doc__, description=module.__doc__)
        module.add_arguments(verb)
        verb.set_defaults(main=module.main)
