"""Various rosbag related sub-commands."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ros2cli import bag_info, bag_play, bag_record, bag_reindex

    verbs = parser.add_subparsers(metavar="info | play | record | reindex", required=True)
    modules: dict[str, Any] = {"info": bag_info, "play": bag_play, "record": bag_record, "reindex": bag_reindex}
    for name, module in modules.items():
        verb = verbs.add_parser(name, help=module.__doc__, description=module.__doc__)
        module.add_arguments(verb)
        verb.set_defaults(bag_main=module.main)


def main(args: argparse.Namespace) -> int | None:
    from ros2cli.cli import CommandError

    try:
        return args.bag_main(args)
    except BrokenPipeError:  # as in `ros2 bag info BAG | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (RuntimeError, OSError) as error:  # rosbag2_py's, NotImplementedError included
        raise CommandError(f"[ERROR] [ros2bag]: {error}") from error
