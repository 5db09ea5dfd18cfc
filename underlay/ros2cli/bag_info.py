"""Print information about a bag to the screen."""

from __future__ import annotations

import argparse
import os

from rosbag2_py import Info


def add_reader_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the bag and its storage, which all verbs have that read one."""
    parser.add_argument("bag_path", type=existing_path, help="bag to read: a folder, or one .mcap file")
    parser.add_argument("-s", "--storage", default="", choices=["mcap"], help="storage identifier")


def existing_path(text: str) -> str:
    """Parse a path for argparse."""
    if not os.path.exists(text):
        raise argparse.ArgumentTypeError(f"Bag path '{text}' does not exist!")
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_reader_arguments(parser)
    parser.add_argument("-t", "--topic-name", action="store_true", help="only display topic names")


def main(args: argparse.Namespace) -> None:
    metadata = Info().read_metadata(args.bag_path, args.storage)
    if not args.topic_name:
        print(metadata)
        return
    for info in metadata.topics_with_message_count:
        print(info.topic_metadata.name)
