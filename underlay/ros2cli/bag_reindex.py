"""Reconstruct the metadata of a bag."""

from __future__ import annotations

import argparse

from rosbag2_py import Reindexer, StorageOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag_path", help="folder of the bag")
    parser.add_argument("-s", "--storage", default="", help="storage identifier: mcap")


def main(args: argparse.Namespace) -> None:
    Reindexer().reindex(StorageOptions(uri=args.bag_path, storage_id=args.storage))
