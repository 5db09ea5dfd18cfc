"""Nodes listen on the loopback alone, unless the rig file opens interfaces; what users have chosen is kept."""

import re
import stat
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from aloe_data import transport
from aloe_data.launch_bond import LAUNCH_PID
from aloe_data.network import Network
from aloe_data.network_command import main
from aloe_data.node_environment import node_environment
from aloe_data.private_file import write_private
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.session import SESSION_FILE
from aloe_data.transport import (
    DISCOVERY_RANGE,
    PROFILES_FILE,
    TransportError,
    interfaces_here,
    network_environment,
    network_line,
    profile,
)

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED = CONFIG / "transport_loopback.xml"
RIG = load_rig(CONFIG / "rig_sim.yaml")
NAMESPACE = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"


def opening(*interfaces: str, peers: tuple[str, ...] = ()) -> Network:
    return Network(interfaces, peers)


def addresses(text: str, element: str) -> list[str | None]:
    root = ElementTree.fromstring(text)
    return [found.text for list_ in root.iter(NAMESPACE + element) for found in list_.iter(NAMESPACE + "address")]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with one network card, and the environment of a process on it."""
    here = {"lo": ("127.0.0.1",), "eth0": ("192.168.1.7",), "wlan0": ()}
    monkeypatch.setattr(transport, "interfaces_here", lambda: here)
    return {"XDG_RUNTIME_DIR": str(tmp_path)}


def written(environment: dict[str, str]) -> str:
    return Path(environment[PROFILES_FILE]).read_text()


def test_the_shipped_profile_is_the_one_that_launches_use():
    assert SHIPPED.read_text() == profile()


def test_without_a_network_in_the_rig_file_nodes_use_the_loopback_and_look_for_nobody_else(machine):
    text = written(network_environment(Network(), machine))
    assert addresses(text, "interfaceWhiteList") == ["127.0.0.1"]
    assert addresses(text, "initialPeersList") == ["127.0.0.1"]
    # Without such a list they would join the multicast group.
    assert addresses(text, "metatrafficUnicastLocatorList") == ["127.0.0.1"]
    assert network_line(Network(), machine) == "network: loopback only"


@pytest.mark.parametrize("given", [{DISCOVERY_RANGE: "LOCALHOST"}, {"ROS_LOCALHOST_ONLY": "1"}])
def test_the_middleware_adds_no_transport_to_the_profile_whatever_range_is_set(machine, given):
    environment = machine | given | network_environment(Network(), machine | given)
    assert environment[DISCOVERY_RANGE] == "SYSTEM_DEFAULT"
    assert environment.get("ROS_LOCALHOST_ONLY", "0") == "0"


@pytest.mark.parametrize("interface", ["eth0", "192.168.1.7"])
def test_a_rig_file_opens_an_interface_by_its_name_or_address_and_the_launch_says_which(machine, interface):
    text = written(network_environment(opening("lo", interface), machine))
    assert addresses(text, "interfaceWhiteList") == ["127.0.0.1", "192.168.1.7"]
    assert "239.255.0.1" in addresses(text, "initialPeersList")
    said = "network: open on eth0 (192.168.1.7); nodes there need the key of this session, see docs/safety.md"
    assert network_line(opening("lo", interface), machine) == said


def test_with_peers_nobody_else_is_looked_for(machine):
    text = written(network_environment(opening("eth0", peers=("192.168.1.20",)), machine))
    assert addresses(text, "initialPeersList") == ["127.0.0.1", "192.168.1.20"]
    assert addresses(text, "metatrafficUnicastLocatorList") == ["127.0.0.1", "192.168.1.7"]


@pytest.mark.parametrize("interface", ["eth9", "192.168.1.8", "wlan0"])
def test_an_interface_that_is_not_there_is_refused_with_those_that_are(machine, interface):
    with pytest.raises(TransportError, match=r"network\.interfaces.*'" + interface) as error:
        network_environment(opening(interface), machine)
    assert "there are: lo (127.0.0.1), eth0 (192.168.1.7), wlan0 (no IPv4 address)" in str(error.value)


def test_this_machine_has_a_loopback():
    assert ("127.0.0.1",) in interfaces_here().values()


def test_an_opened_profile_is_private(machine):
    file = Path(network_environment(opening("eth0"), machine)[PROFILES_FILE])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_folder_that_is_a_link_is_not_written_through(tmp_path):
    tmp_path.joinpath("theirs").mkdir()
    tmp_path.joinpath("mine").symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError, match="mine belongs to another user, or is no folder"):
        write_private(tmp_path / "mine" / "key", "secret")
    assert not list(tmp_path.joinpath("theirs").iterdir())


def test_a_users_own_profile_is_kept_and_said(machine, tmp_path):
    own = tmp_path / "own.xml"
    own.write_text("<profiles/>")
    environment = machine | {PROFILES_FILE: str(own)}
    assert network_environment(opening("eth0"), environment) == {}
    said = f"network: as {own} says ({PROFILES_FILE}); 'network' of the rig file is not used"
    assert network_line(opening("eth0"), environment) == said


def test_a_profile_that_cannot_be_read_is_refused_as_nodes_would_listen_everywhere(machine, tmp_path):
    with pytest.raises(TransportError, match=r"gone\.xml cannot be read"):
        network_environment(Network(), machine | {PROFILES_FILE: str(tmp_path / "gone.xml")})


def test_profiles_of_the_suite_are_no_choice_of_the_users(machine):
    shell = machine | {PROFILES_FILE: str(SHIPPED)}
    assert network_environment(Network(), shell)[PROFILES_FILE] == str(SHIPPED)
    opened = shell | network_environment(opening("eth0"), shell)
    assert opened[PROFILES_FILE] != str(SHIPPED)
    # A launch within a launch, as of the rounds, decides by the rig file again.
    assert network_line(Network(), opened) == "network: loopback only"
    assert addresses(written(network_environment(Network(), opened)), "interfaceWhiteList") == ["127.0.0.1"]


def test_another_middleware_is_left_to_its_own_configuration_and_that_is_said(machine):
    other = machine | {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}
    assert network_environment(Network(), other) == {DISCOVERY_RANGE: "LOCALHOST"}
    assert network_line(Network(), other) == "network: as rmw_cyclonedds_cpp is configured, see docs/install.md"
    dynamic = machine | {"RMW_IMPLEMENTATION": "rmw_fastrtps_dynamic_cpp"}
    assert network_line(Network(), dynamic) == "network: loopback only"


def test_nodes_have_a_bond_to_their_launch_its_session_and_its_network():
    assert {LAUNCH_PID, SESSION_FILE, PROFILES_FILE} <= node_environment(RIG).keys()


def test_a_terminal_on_another_machine_gets_the_same_by_a_command(machine, monkeypatch, capsys):
    monkeypatch.setattr("os.environ", machine)
    monkeypatch.setattr("sys.argv", ["network", "eth0", "--peers", "192.168.1.20"])
    main()
    said = capsys.readouterr()
    file = re.search(r"export FASTRTPS_DEFAULT_PROFILES_FILE=(\S+)", said.out)[1]
    assert Path(file).read_text() == profile(["192.168.1.7"], ["192.168.1.20"])
    assert "export ROS_AUTOMATIC_DISCOVERY_RANGE=SYSTEM_DEFAULT" in said.out
    assert "open on eth0" in said.err
    monkeypatch.setattr("sys.argv", ["network", "eth1"])
    with pytest.raises(SystemExit, match="eth1"):
        main()


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        ("{interfaces: eth0}", "network.interfaces: expected a list of texts, got 'eth0'"),
        (
            "{interfaces: [192.168]}",
            r"network.interfaces\[0\]: expected a non-empty text, got 192.168; put it in quotes",
        ),
        ("{interface: [eth0]}", "unknown key 'interface'; did you mean 'interfaces'"),
        ("{interfaces: [eth0], peers: [robot]}", r"network.peers\[0\]: 'robot' is no IPv4 address such as"),
        ("{interfaces: [], peers: [192.168.1.20]}", "network.peers: nobody is reached without an interface"),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_its_key(tmp_path, network, complaint):
    text = (CONFIG / "rig_sim.yaml").read_text().replace("sim_arm.urdf", str(CONFIG / "sim_arm.urdf"))
    file = tmp_path / "rig.yaml"
    file.write_text(f"{text}\nnetwork: {network}\n")
    with pytest.raises(RigError, match=complaint):
        load_rig(file)


def test_a_rig_file_that_opens_a_network_is_read_on_any_machine(tmp_path):
    text = (CONFIG / "rig_sim.yaml").read_text().replace("sim_arm.urdf", str(CONFIG / "sim_arm.urdf"))
    file = tmp_path / "rig.yaml"
    file.write_text(f"{text}\nnetwork: {{interfaces: [enp0s31f6], peers: [10.0.0.2]}}\n")
    assert load_rig(file).network == Network(("enp0s31f6",), ("10.0.0.2",))
