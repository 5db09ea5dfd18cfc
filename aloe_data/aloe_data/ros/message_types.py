"""Types of messages as bags store them: their full definition and their hash, of what is installed."""

import json
from functools import cache
from pathlib import Path

import rosbag2_py
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory


@cache
def message_definition(type_name: str) -> tuple[str, str]:
    """Language and text of a type's definition and of all types in it.

    Args:
        type_name: "package/msg/Name".

    Returns:
        MCAP's word for the language ("ros2msg", "ros2idl"), and the text; ("", "") where it is not installed.
    """
    try:
        found = rosbag2_py.LocalMessageDefinitionSource().get_full_text(type_name)
    except RuntimeError:
        return "", ""
    if not found.encoded_message_definition:
        return "", ""  # rosbag2's "unknown" is no word of MCAP: some readers stop at it
    return found.encoding, found.encoded_message_definition


@cache
def type_hash(type_name: str) -> str:
    """REP-2011 hash of an installed type ("RIHS01_..."); "" where its package does not tell.

    Args:
        type_name: "package/msg/Name".
    """
    package, *kind, name = type_name.split("/")
    try:
        described = Path(get_package_share_directory(package), *kind, f"{name}.json").read_text()
    except (PackageNotFoundError, OSError):
        return ""
    hashes = json.loads(described)["type_hashes"]
    return str(next((entry["hash_string"] for entry in hashes if entry["type_name"] == type_name), ""))
