"""Command line: `eval "$(ros2 run aloe_data network eth0)"` lets nodes of this terminal use network interfaces."""

import argparse
import os
import shlex
import sys

from aloe_data.rig import Network
from aloe_data.transport import PROFILES_FILE, TransportError, network_environment, network_line


def main() -> None:
    """Entry point of `network`: prints what a shell has to export so that its nodes use network interfaces."""
    parser = argparse.ArgumentParser(
        prog="network",
        description="Lets nodes of this terminal use network interfaces, as `network` in a rig file does for a launch: "
        'eval "$(ros2 run aloe_data network eth0)". Nothing named: the loopback alone.',
    )
    parser.add_argument("interfaces", nargs="*", help="names or IPv4 addresses of network interfaces of this machine")
    parser.add_argument("--peers", nargs="+", default=[], help="IPv4 addresses of the machines to look for; else all")
    given = parser.parse_args()
    # What this terminal had so far is what is to be replaced.
    variables = {name: value for name, value in os.environ.items() if name != PROFILES_FILE}
    try:
        network = Network(tuple(given.interfaces), tuple(given.peers))
        environment = network_environment(network, variables)
        print(network_line(network, variables), file=sys.stderr)
    except TransportError as error:
        sys.exit(f"network: {error}")
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")
