"""What a rig file opens to other machines."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """Who beside this machine may reach the nodes; both empty: nobody.

    Attributes:
        interfaces: Network interfaces to listen on beside the loopback, each by its name or its IPv4 address.
        peers: IPv4 addresses of the machines whose nodes are looked for; empty: all that answer to multicast there.
    """

    interfaces: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
