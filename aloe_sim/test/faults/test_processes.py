"""Which processes are a node's, by what the kernel tells of them."""

from pathlib import Path

import pytest

from aloe_sim.faults.processes import node_pids


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    def process(pid: int, command: str, domain: str | None) -> None:
        folder = tmp_path / str(pid)
        folder.mkdir()
        folder.joinpath("cmdline").write_text("\0".join(command.split()))
        folder.joinpath("environ").write_text("HOME=/root" + (f"\0ROS_DOMAIN_ID={domain}\0" if domain else "\0"))

    process(10, "python3 /ws/lib/aloe_control/control_node --ros-args -r __node:=control_node", "7")
    process(11, "python3 /ws/lib/aloe_control/control_node --ros-args -r __node:=control_node", "8")
    process(12, "python3 /ws/lib/aloe_teleop/teleop_node --ros-args -r __node:=pedals", "7")
    process(13, "/ws/lib/aloe_policy/policy_node", None)
    process(14, "grep control_node", "7")
    (tmp_path / "15").mkdir()  # has just ended
    return tmp_path


@pytest.mark.parametrize(
    ("name", "domain", "pids"),
    [
        ("control_node", "7", [10]),
        ("control_node", "8", [11]),
        ("pedals", "7", [12]),
        ("teleop_node", "7", []),
        ("policy_node", "", [13]),
        ("policy_node", "7", []),
    ],
)
def test_a_node_is_found_by_its_name_in_its_own_domain_only(proc, name, domain, pids):
    assert node_pids(name, domain, proc) == pids
