"""Reconstruct the metadata of a bag."""

from __future__ import annotations

import argparse

from rosbag2_py import Reindexer, StorageOptions

from ros2cli.bag_info import add_reader_arguments as add_arguments

__all__ = ["add_arguments", "main"]


def main(args: argparse.Namespace) -> None:
    Reindexer().reindex(StorageOptions(uri=args.bag_path, storage_id=args.storage))
