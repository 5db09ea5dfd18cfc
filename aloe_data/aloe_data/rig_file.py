"""Reading of rig YAML files: nothing unknown, missing, in the wrong unit or impossible gets through."""

import dataclasses
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_data.arm_file import read_arm
from aloe_data.camera_transport import COMPRESSED_SUFFIX
from aloe_data.network import Network
from aloe_data.rig import ACTION_SPACES, IMAGE_TYPES, OTHER_ARMS, Arm, Camera, Rig, RigError, Simulation, Takeover
from aloe_data.rig_fields import read_max_age, read_name, refuse_duplicates
from aloe_data.section import Section, nearest
from aloe_data.world_file import read_arm_distance
from aloe_data.yaml_file import read_yaml


def load_rig(path: str | Path, urdfs: Mapping[str, Path] | None = None) -> Rig:
    """Read and check a rig file.

    Args:
        path: Path of the rig's YAML file.
        urdfs: Copies of the URDF files by the name that the rig file gives them, to be read instead of the named
            files; None: the named files are read.

    Raises:
        RigError: With file, key and remedy.
    """
    path = Path(path)
    tree = read_yaml(path, RigError, "rig file", "rig_*.yaml")
    return _rig(Section(tree, Rig, str(path), "", RigError), path, urdfs)


def _rig(top: Section, path: Path, urdfs: Mapping[str, Path] | None) -> Rig:
    simulated = top.boolean("simulated")
    if not simulated and top.has("simulation"):
        top.fail("simulation", "only allowed with 'simulated: true'; remove it")
    if simulated and top.has("calibration"):
        top.fail("calibration", "a simulated rig's cameras are where simulation.cameras puts them; remove it")
    rig = Rig(
        name=top.text("name"),
        simulated=simulated,
        rate_hz=top.number("rate_hz", 1, 1000, "Hz"),
        action_space=top.choice("action_space", ACTION_SPACES),
        policy_max_age_s=top.number("policy_max_age_s", 0.02, 10, "s"),
        cameras=tuple(_camera(section) for section in top.sections("cameras", Camera)),
        arms=tuple(read_arm(section, path, urdfs) for section in top.sections("arms", Arm)),
        takeover=_takeover(top.section("takeover", Takeover)) if top.has("takeover") else Takeover(),
        simulation=_simulation(top.section("simulation", Simulation)) if simulated else Simulation(),
        calibration=_mounts(top.section("calibration", None)) if top.has("calibration") else {},
        network=_network(top.section("network", Network)) if top.has("network") else Network(),
        min_arm_distance_m=read_arm_distance(top),
    )
    if not rig.arms:
        top.fail("arms", "a rig needs at least one arm")
    if simulated and any(arm.driver is not None for arm in rig.arms):
        top.fail("arms", "simulated arms have no drivers; remove 'driver'")
    refuse_duplicates(top, "name", [*(camera.name for camera in rig.cameras), *(arm.name for arm in rig.arms)])
    _check_mounts(top, rig)
    _check_topics(top, rig)
    return rig


def _check_topics(top: Section, rig: Rig) -> None:
    """Every topic is one stream's, but arms may share joint states, where each one finds its joints by their names."""
    topics = [camera.topic for camera in rig.cameras] + [arm.command_topic for arm in rig.arms]
    topics += [topic for arm in rig.arms if arm.driver is not None for topic in arm.driver.topics]
    refuse_duplicates(top, "topic", [*topics, *rig.arms_by_topic])
    for topic, arms in rig.arms_by_topic.items():
        owner: dict[str, str] = {}
        for arm in arms:
            for joint in arm.joint_names:
                if joint in owner:
                    both = f"'{owner[joint]}' and '{arm.name}' both have a joint '{joint}' on {topic}"
                    top.fail("arms", f"{both}; give the joints different names, or the arms different topics")
                owner[joint] = arm.name


def _takeover(section: Section) -> Takeover:
    return Takeover(
        max_age_s=section.number("max_age_s", 0.02, 1, "s"),
        device_max_age_s=section.number("device_max_age_s", 0.1, 10, "s"),
        other_arms=section.choice("other_arms", OTHER_ARMS),
    )


def _network(section: Section) -> Network:
    """Whether the interfaces exist is a matter of the machine that starts nodes, not of one that reads a bag."""
    peers = section.texts("peers") if section.has("peers") else ()
    for index, peer in enumerate(peers):
        try:
            ipaddress.IPv4Address(peer)
        except ValueError:
            section.fail(f"peers[{index}]", f"'{peer}' is no IPv4 address such as '192.168.1.20'")
    network = Network(interfaces=section.texts("interfaces"), peers=peers)
    if peers and not network.interfaces:
        section.fail("peers", "nobody is reached without an interface; name it in 'interfaces'")
    return network


def _simulation(section: Section) -> Simulation:
    return Simulation(
        task=section.text("task"),
        reset_service=section.topic("reset_service"),
        cameras=_mounts(section.section("cameras", None)),
    )


def _mounts(section: Section) -> dict[str, dict[str, Any]]:
    return {name: dataclasses.asdict(_mount(section.section(name, _Mount))) for name in section.names()}


@dataclass(frozen=True)
class _Mount:
    parent: str
    xyz: tuple[float, ...]
    xy_axes: tuple[float, ...]
    fovy_deg: float


def _mount(section: Section) -> _Mount:
    return _Mount(
        parent=section.text("parent"),
        xyz=section.numbers("xyz", 3, -10, 10, "m"),
        xy_axes=section.numbers("xy_axes", 6, -1, 1, "-"),
        fovy_deg=section.number("fovy_deg", 5, 170, "deg"),
    )


def _check_mounts(top: Section, rig: Rig) -> None:
    names = [camera.name for camera in rig.cameras]
    for camera in names:
        if rig.simulated and camera not in rig.simulation.cameras:
            top.fail("simulation.cameras", f"no mount for camera '{camera}'; add '{camera}: {{parent: world, ...}}'")
    key = "simulation.cameras" if rig.simulated else "calibration"
    for camera, mount in rig.mounts.items():
        if camera not in names:
            top.fail(key, f"unknown camera '{camera}'; {nearest(camera, names)}")
        parents = ["world", *(arm.name for arm in rig.arms)]
        if mount["parent"] not in parents:
            top.fail(f"{key}.{camera}.parent", f"unknown '{mount['parent']}'; one of {', '.join(parents)}")


def _camera(section: Section) -> Camera:
    rate_hz = section.number("rate_hz", 0.1, 1000, "Hz")
    camera = Camera(
        name=read_name(section),
        topic=section.topic("topic"),
        width=section.integer("width", 8, 8192, "px"),
        height=section.integer("height", 8, 8192, "px"),
        rate_hz=rate_hz,
        max_age_s=read_max_age(section, rate_hz),
        transport=section.choice("transport", tuple(IMAGE_TYPES)) if section.has("transport") else Camera.transport,
    )
    if camera.is_raw and camera.topic.endswith(COMPRESSED_SUFFIX):
        raw_topic = camera.topic.removesuffix(COMPRESSED_SUFFIX)
        section.fail("topic", f"image_transport publishes compressed images there, not raw ones; write {raw_topic}")
    return camera
