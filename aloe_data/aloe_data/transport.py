"""Who can reach the nodes: their sockets are on the loopback alone, unless the rig file opens network interfaces.

ROS's discovery range LOCALHOST restricts announcements, not sockets: those listen on all addresses, and whoever knows
an address reaches every topic. So a participant profile of Fast DDS names the addresses to listen on. With LOCALHOST
rmw_fastrtps would add transports of its own to it, which listen everywhere; with SYSTEM_DEFAULT it adds nothing.

No shared memory: no interface bounds it, whoever sees the same /dev/shm may write there. And the loopback loses less,
with socket buffers for several images: of raw VGA images from three cameras none, where shared memory lost two thirds.
"""

import hashlib
import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import psutil

from aloe_data.network import Network
from aloe_data.private_file import private_folder, write_private

PROFILES_FILE = "FASTRTPS_DEFAULT_PROFILES_FILE"
DISCOVERY_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
MIDDLEWARE = "RMW_IMPLEMENTATION"
LOOPBACK = "127.0.0.1"
_FAST_DDS = "rmw_fastrtps"  # beginning of the names of its variants
_DISCOVERY_GROUP = "239.255.0.1"  # of the RTPS standard, section 9.6.1.4
_PROFILE = """\
<?xml version="1.0" encoding="UTF-8" ?>
<!-- Sockets of ROS 2 nodes on these addresses alone; see docs/install.md. Made by aloe_data/aloe_data/transport.py.
     maxInitialPeersRange: processes per machine that find each other, the number that rmw_fastrtps has for LOCALHOST.
     leaseAnnouncement: Fast DDS answers a newcomer once, often before that one listens; then they meet at the next
     periodic announcement. By default that comes every 3 s: half of all commands and nodes would wait 1 to 3 s. -->
<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <transport_descriptors>
    <transport_descriptor>
      <transport_id>aloe_udp</transport_id>
      <type>UDPv4</type>
      <sendBufferSize>4194304</sendBufferSize>
      <receiveBufferSize>4194304</receiveBufferSize>
      <maxInitialPeersRange>32</maxInitialPeersRange>
      <interfaceWhiteList>
{addresses}
      </interfaceWhiteList>
    </transport_descriptor>
  </transport_descriptors>
  <participant profile_name="aloe" is_default_profile="true">
    <rtps>
      <useBuiltinTransports>false</useBuiltinTransports>
      <userTransports>
        <transport_id>aloe_udp</transport_id>
      </userTransports>
      <builtin>
        <discovery_config>
          <leaseAnnouncement>
            <sec>0</sec>
            <nanosec>500000000</nanosec>
          </leaseAnnouncement>
        </discovery_config>
{listening}        <initialPeersList>
{peers}
        </initialPeersList>
      </builtin>
    </rtps>
  </participant>
</profiles>
"""
_LISTENING = """\
        <metatrafficUnicastLocatorList>
{locators}
        </metatrafficUnicastLocatorList>
"""
_LOCATOR = "          <locator><udpv4><address>{}</address></udpv4></locator>"


class TransportError(RuntimeError):
    """Network interfaces that cannot be opened, or a profile that cannot be used; the message names the remedy."""


def profile(addresses: Sequence[str] = (), peers: Sequence[str] = ()) -> str:
    """The participant profile of Fast DDS, as XML.

    Args:
        addresses: IPv4 addresses of this machine to listen on, beside the loopback.
        peers: IPv4 addresses of the other machines whose nodes are looked for; empty: all that answer to multicast on
            the opened interfaces.
    """
    listening = [LOOPBACK, *(address for address in addresses if address != LOOPBACK)]
    multicast = len(listening) > 1 and not peers
    looked_for = [LOOPBACK, *([_DISCOVERY_GROUP] if multicast else peers)]
    # A list of unicast addresses keeps Fast DDS from joining the multicast group.
    unicast_only = "" if multicast else _LISTENING.format(locators=_locators(listening))
    return _PROFILE.format(
        addresses="\n".join(f"        <address>{escape(address)}</address>" for address in listening),
        listening=unicast_only,
        peers=_locators(looked_for),
    )


def network_environment(network: Network, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables that keep a node to the network interfaces that the rig file opens.

    A participant profile of the user's own, and a middleware other than Fast DDS, are left as they are.

    Args:
        network: What the rig file opens.
        variables: Environment of the calling process; None: that of this process.

    Raises:
        TransportError: An interface is not there, or a profile cannot be read or written.
    """
    environment = os.environ if variables is None else variables
    if not _is_fast_dds(environment):
        return {DISCOVERY_RANGE: environment.get(DISCOVERY_RANGE) or "LOCALHOST"}
    if _own_profile(environment):
        return {}
    text = profile(list(_opened(network)), network.peers)
    chosen = {
        PROFILES_FILE: str(_file_of(text, environment)),
        DISCOVERY_RANGE: "SYSTEM_DEFAULT",
        "SKIP_DEFAULT_XML_FILE": "1",  # a DEFAULT_FASTRTPS_PROFILES.xml in the present folder would override ours
    }
    if environment.get("ROS_LOCALHOST_ONLY"):
        chosen["ROS_LOCALHOST_ONLY"] = "0"  # deprecated, and still stronger than the range: it means LOCALHOST
    return chosen


def network_line(network: Network, variables: Mapping[str, str] | None = None) -> str:
    """Who can reach the nodes, in one line that a launch says first.

    Args:
        network: What the rig file opens.
        variables: Environment of the calling process; None: that of this process.

    Raises:
        TransportError: as `network_environment` does.
    """
    environment = os.environ if variables is None else variables
    ignored = "; 'network' of the rig file is not used" if network.interfaces else ""
    if not _is_fast_dds(environment):
        return f"network: as {environment[MIDDLEWARE]} is configured, see docs/install.md{ignored}"
    own = _own_profile(environment)
    if own:
        return f"network: as {own} says ({PROFILES_FILE}){ignored}"
    opened = _opened(network)
    if not opened:
        return "network: loopback only"
    named = ", ".join(f"{name} ({address})" for address, name in opened.items())
    return f"network: open on {named}; nodes there need the key of this session, see docs/safety.md"


def interfaces_here() -> dict[str, tuple[str, ...]]:
    """IPv4 addresses of this machine's network interfaces, by the interface's name."""
    found = psutil.net_if_addrs().items()
    return {name: tuple(a.address for a in all_of if a.family == socket.AF_INET) for name, all_of in found}


def _opened(network: Network) -> dict[str, str]:
    """Addresses that a rig file opens beside the loopback, each with its interface's name.

    Raises:
        TransportError: An interface is not there.
    """
    here = interfaces_here()
    opened: dict[str, str] = {}
    for wanted in network.interfaces:
        found = {
            address: name for name, addresses in here.items() for address in addresses if wanted in (name, address)
        }
        if not found:
            there = ", ".join(
                f"{name} ({' '.join(addresses) or 'no IPv4 address'})" for name, addresses in here.items()
            )
            raise TransportError(
                f"network.interfaces names '{wanted}', which has no IPv4 address on this machine; "
                f"there are: {there or 'none'}"
            )
        opened |= found
    return {address: name for address, name in opened.items() if not ipaddress.ip_address(address).is_loopback}


def _is_fast_dds(environment: Mapping[str, str]) -> bool:
    return (environment.get(MIDDLEWARE) or _FAST_DDS).startswith(_FAST_DDS)


def _own_profile(environment: Mapping[str, str]) -> str:
    """File of the participant profile that the user has chosen; "": none, or one that this module makes.

    Raises:
        TransportError: The file cannot be read.
    """
    file = environment.get(PROFILES_FILE, "")
    if not file:
        return ""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        # Fast DDS would say so, and then listen on all addresses.
        raise TransportError(f"{PROFILES_FILE}={file} cannot be read ({error}); unset it, or correct it") from error
    ours = text == profile() or Path(file).parent == private_folder(environment)
    return "" if ours else file


def _file_of(text: str, environment: Mapping[str, str]) -> Path:
    """A file that holds a profile; its name depends on the content, so that it is never changed under a running node.

    Raises:
        TransportError: It cannot be written.
    """
    present = environment.get(PROFILES_FILE, "")
    if present and Path(present).read_text(encoding="utf-8") == text:
        return Path(present)
    file = private_folder(environment) / f"transport-{hashlib.sha256(text.encode()).hexdigest()[:12]}.xml"
    try:
        write_private(file, text)
    except OSError as error:
        raise TransportError(
            f"the transport's profile {file} cannot be written: {error}; set XDG_RUNTIME_DIR"
        ) from error
    return file


def _locators(addresses: Sequence[str]) -> str:
    return "\n".join(_LOCATOR.format(escape(address)) for address in addresses)
