"""Print information about a bag to the screen."""

from __future__ import annotations

import argparse

from rosbag2_py import Info


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag_path", help="bag to read: a folder, or one .mcap file")
    parser.add_argument("-s", "--storage", default="", help="storage identifier: mcap")
    parser.add_argument("-t", "--topic-name", action="store_true", help="only print the names of the topics")
    parser.add_argument("--sort", default="name", choices=sorted(Info().get_sorting_methods()), help="order of topics")


def main(args: argparse.Namespace) -> None:
    info = Info()
    metadata = info.read_metadata(args.bag_path, args.storage)
    show = info.print_output_topic_name_only if args.topic_name else info.print_output
    show(metadata, args.sort)
