"""Finds the processes of ROS nodes on this machine."""

import os
from pathlib import Path

DOMAIN = "ROS_DOMAIN_ID"


def node_pids(name: str, domain: str, proc: Path = Path("/proc")) -> list[int]:
    """Processes that run a node, in the given ROS domain; nodes of other domains are somebody else's.

    Args:
        name: Name of the node, without its namespace.
        domain: Value of ROS_DOMAIN_ID; "" is the default domain, "0".
        proc: Folder in which the kernel tells of processes.
    """
    entries = [entry for entry in proc.iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]
    return sorted(int(entry.name) for entry in entries if _runs(entry, name) and _domain(entry) == (domain or "0"))


def _runs(entry: Path, name: str) -> bool:
    words = _words(entry / "cmdline")
    given = [word.removeprefix("__node:=") for word in words if word.startswith("__node:=")]
    if given:
        return name in given
    return any(word.endswith(f"/{name}") for word in words[:2])  # the executable, perhaps behind its interpreter


def _domain(entry: Path) -> str:
    found = [word.removeprefix(f"{DOMAIN}=") for word in _words(entry / "environ") if word.startswith(f"{DOMAIN}=")]
    return found[0] if found and found[0] else "0"


def _words(file: Path) -> list[str]:
    try:
        return file.read_bytes().decode(errors="replace").split("\0")
    except OSError:  # it has just ended, or belongs to another user
        return []
