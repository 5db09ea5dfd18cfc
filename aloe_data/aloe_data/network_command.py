"""Command line: `eval "$(ros2 run aloe_data network eth0)"` lets nodes of this terminal use network interfaces."""

import os
import shlex
import sys
from dataclasses import dataclass

from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.network import Network
from aloe_data.transport import PROFILES_FILE, TransportError, network_environment, network_line

_ABOUT = """Lets nodes of this terminal use network interfaces, as `network` in a rig file does for a launch:

    eval "$(ros2 run aloe_data network eth0)"

Nothing named: the loopback alone."""


@dataclass(frozen=True)
class NetworkConfig:
    """What the nodes of a terminal may reach."""

    interfaces: tuple[str, ...] = parameter(
        (), positional=True, doc="names or IPv4 addresses of network interfaces of this machine"
    )
    peers: tuple[str, ...] = parameter((), doc="IPv4 addresses of the machines to look for; none: all")


def print_exports(config: NetworkConfig) -> None:
    """Print what a shell has to export so that its nodes use network interfaces.

    Raises:
        TransportError: There is no such interface on this machine.
    """
    # What this terminal had so far is what is to be replaced.
    variables = {name: value for name, value in os.environ.items() if name != PROFILES_FILE}
    network = Network(config.interfaces, config.peers)
    environment = network_environment(network, variables)
    print(network_line(network, variables), file=sys.stderr)
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")


def main() -> None:
    """Entry point of `network`."""
    run_command("network", print_exports, NetworkConfig, about=_ABOUT, refused=(TransportError,))
