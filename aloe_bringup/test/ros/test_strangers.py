"""Somebody on the network reaches no node unless the rig file opens it, and moves nothing where it does."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros")

pytestmark = pytest.mark.timeout(240)
CONFIG = Path(__file__).parents[3] / "config"
STRANGER = Path(__file__).with_name("stranger.py")
ROBOT_ADDRESS, STRANGER_ADDRESS = "10.231.7.1", "10.231.7.2"
TOOLS = ("unshare", "nsenter", "ip")
STILL_RAD = 1e-3  # the simulated arms sag by less while nobody commands them


@dataclass
class Host:
    """A network namespace: what another machine would be.

    Attributes:
        holder: Process that keeps it.
    """

    holder: "subprocess.Popen[bytes]"

    @property
    def words(self) -> list[str]:
        """What a command line begins with to run there."""
        return ["nsenter", "--target", str(self.holder.pid), "--net"]

    def set_up(self, *command: str) -> None:
        subprocess.run([*self.words, *command], check=True, capture_output=True)

    def listening(self, domain: int) -> set[str]:
        """Addresses of the UDP sockets on the ports of a ROS domain."""
        # RTPS: a domain has 250 ports, from 7400 on; those of single endpoints begin at 7000.
        ports = {*range(7000, 7400), *range(7400 + 250 * domain, 7650 + 250 * domain)}
        found = set()
        for line in Path(f"/proc/{self.holder.pid}/net/udp").read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if int(port, 16) in ports:
                found.add(".".join(str(byte) for byte in reversed(bytes.fromhex(address))))
        return found


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    """Two machines with a cable between them: the robot's and the stranger's."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"network namespaces need {', '.join(missing)}")
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(2):
            holder = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", "echo here; exec sleep 600"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            stack.callback(holder.wait)
            stack.callback(holder.kill)
            if holder.stdout is None or not holder.stdout.readline():
                pytest.skip("no right to make network namespaces (needs root)")
            made.append(Host(holder))
        robot, other = made
        pid = str(other.holder.pid)
        robot.set_up("ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns", pid)
        for host, link, address in ((robot, "cable0", ROBOT_ADDRESS), (other, "cable1", STRANGER_ADDRESS)):
            host.set_up("ip", "address", "add", f"{address}/24", "dev", link)
            for name in ("lo", link):
                host.set_up("ip", "link", "set", name, "up")
        yield robot, other


def rig_with(network: str, folder: Path) -> Path:
    """The simulated rig with a `network` in its file; "": without."""
    text = (CONFIG / "rig_sim.yaml").read_text().replace("sim_arm.urdf", str(CONFIG / "sim_arm.urdf"))
    file = folder / "rig.yaml"
    file.write_text(f"{text}\n{network}\n")
    return file


def visit(host: Host, domain: int, seconds: float) -> dict[str, Any]:
    """What a stranger who knows the robot's address does in so many seconds."""
    # As a machine that has never heard of this suite: ROS's own transports, and the robot as a static peer.
    environment = os.environ | {"ROS_DOMAIN_ID": str(domain), "ROS_STATIC_PEERS": ROBOT_ADDRESS}
    environment |= {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "ALOE_SESSION_FILE": "/nowhere"}
    del environment["FASTRTPS_DEFAULT_PROFILES_FILE"]
    command = [*host.words, sys.executable, str(STRANGER), str(seconds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Two processes that take all that two cores give."""
    loops = [subprocess.Popen(["yes"], stdout=subprocess.DEVNULL) for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def waiting_rollout(rollout: Callable[..., Any], host: Host, rig: Path) -> Any:
    """A rollout that is ready and waits for an operator: nobody has enabled motion."""
    process = rollout(host=host.words, rig=rig, policy="expert", human="keyboard", record="false")
    process.wait_for("waiting for human:=keyboard")
    process.wait_for(r"\[control_node\]: rig ")
    process.wait_for(r"not armed|waiting for .*to be")
    return process


def test_by_default_a_stranger_who_knows_the_address_finds_nothing(rollout, hosts, tmp_path) -> None:
    robot, other = hosts
    process = waiting_rollout(rollout, robot, rig_with("", tmp_path))
    assert "network: loopback only" in process.text
    seen = visit(other, process.domain, 5.0)
    assert seen["topics"] == [] and seen["spoke_on"] == [] and seen["joints"] == 0
    assert robot.listening(process.domain) == {"127.0.0.1"}


def test_where_the_rig_file_opens_the_network_a_stranger_moves_nothing_and_is_named(rollout, hosts, tmp_path) -> None:
    robot, other = hosts
    process = waiting_rollout(rollout, robot, rig_with("network: {interfaces: [cable0]}", tmp_path))
    assert f"network: open on cable0 ({ROBOT_ADDRESS}); nodes there need the key" in process.text
    with busy():
        seen = visit(other, process.domain, 6.0)
    assert {"/left_arm/command", "/policy/action_chunk", "/intervention/request"} <= set(seen["spoke_on"])
    assert seen["joints"] >= 14 and seen["moved"] < STILL_RAD
    # Parameters: use_sim_time would put a node on the stranger's clock.
    assert {"/control/arm", "/episode/start", "/control_node/set_parameters"} <= set(seen["answers"])
    assert set(seen["answers"].values()) == {"refused"}, seen["answers"]
    named = process.wait_for(r"\[(\d+\.\d+)\] \[(?:control_node|sim_node)\]: .*stranger", 5.0)
    assert float(named[1]) - seen["began"] < 1.0
    assert robot.listening(process.domain) <= {"127.0.0.1", ROBOT_ADDRESS, "239.255.0.1"}


def test_an_interface_that_is_not_there_is_refused_before_anything_starts(rollout, tmp_path) -> None:
    process = rollout(rig=rig_with("network: {interfaces: [cable7]}", tmp_path), policy="expert", record="false")
    assert process.wait(60) != 0
    assert "network.interfaces names 'cable7', which has no IPv4 address on this machine; there are: lo" in process.text
    assert "control_node" not in process.text
