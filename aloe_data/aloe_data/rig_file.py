"""Reading of rig YAML files: nothing unknown, missing, in the wrong unit or impossible gets through."""

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Any

from aloe_data.driver import Driver, read_driver
from aloe_data.rig import (
    ACTION_SPACES,
    COMMAND_TYPES,
    OTHER_ARMS,
    UNITS,
    Arm,
    Camera,
    Joint,
    Network,
    Rig,
    RigError,
    Simulation,
    Takeover,
)
from aloe_data.section import Section, nearest, show
from aloe_data.urdf import load_chain
from aloe_data.urdf_joint import ChainJoint, UrdfError
from aloe_data.world_file import read_arm_distance, read_arm_space
from aloe_data.yaml_file import read_yaml

_MAX_ANGLE_RAD = 4 * pi  # joints that turn further do not exist on arms: such a limit is in degrees
_MAX_LENGTH_M = 5.0


def read_rig(path: Path, urdfs: Mapping[str, Path] | None = None) -> Rig:
    """Read and check a rig file; see `rig.load_rig`."""
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
        arms=tuple(_arm(section, path, urdfs) for section in top.sections("arms", Arm)),
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
    _refuse_duplicates(top, "name", [*(camera.name for camera in rig.cameras), *(arm.name for arm in rig.arms)])
    _check_mounts(top, rig)
    _check_topics(top, rig)
    return rig


def _check_topics(top: Section, rig: Rig) -> None:
    """Every topic is one stream's, but arms may share joint states, where each one finds its joints by their names."""
    topics = [camera.topic for camera in rig.cameras] + [arm.command_topic for arm in rig.arms]
    topics += [topic for arm in rig.arms if arm.driver is not None for topic in arm.driver.topics]
    _refuse_duplicates(top, "topic", [*topics, *rig.arms_by_topic])
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
        name=_name(section),
        topic=section.topic("topic"),
        width=section.integer("width", 8, 8192, "px"),
        height=section.integer("height", 8, 8192, "px"),
        rate_hz=rate_hz,
        max_age_s=_max_age(section, rate_hz),
    )
    return camera


def _arm(section: Section, path: Path, urdfs: Mapping[str, Path] | None) -> Arm:
    rate_hz = section.number("rate_hz", 1, 2000, "Hz")
    joints = tuple(_joint(joint, "") for joint in section.sections("joints", Joint))
    space = read_arm_space(section)
    arm = Arm(
        name=_name(section),
        joint_state_topic=section.topic("joint_state_topic"),
        command_topic=section.topic("command_topic"),
        rate_hz=rate_hz,
        max_age_s=_max_age(section, rate_hz),
        urdf=_urdf(section, path, urdfs),
        base_link=section.text("base_link"),
        tool_link=section.text("tool_link"),
        base_xyz=section.numbers("base_xyz", 3, -10, 10, "m"),
        base_rpy=section.numbers("base_rpy", 3, -2 * pi, 2 * pi, "rad"),
        joints=joints,
        gripper=_joint(section.section("gripper", Joint), "m"),
        home=section.numbers("home", len(joints) + 1, -_MAX_ANGLE_RAD, _MAX_ANGLE_RAD, "rad, gripper last"),
        driver=read_driver(section.section("driver", Driver)) if section.has("driver") else None,
        command_type=section.choice("command_type", COMMAND_TYPES) if section.has("command_type") else Arm.command_type,
        workspace=space.workspace,
        keep_out=space.keep_out,
        max_tool_speed_m_s=space.max_tool_speed_m_s,
        link_radius_m=space.link_radius_m,
    )
    _refuse_duplicates(section, "joint name", arm.joint_names)
    for index, (joint, value) in enumerate(zip(arm.all_joints, arm.home, strict=True)):
        if not joint.lower <= value <= joint.upper:
            section.fail(f"home[{index}]", f"{value} is outside {joint.name}'s {joint.lower} to {joint.upper}")
    return _with_urdf(section, arm)


def _urdf(section: Section, path: Path, urdfs: Mapping[str, Path] | None) -> Path:
    """The named file or, where copies are given, its copy and nothing else: the file may have changed since."""
    name = section.text("urdf")
    if urdfs is None:
        try:
            return (path.parent / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # links in a circle; characters that no file name may have
            section.fail("urdf", f"{show(name)} is no path of a file: {error}")
    copy = urdfs.get(name) or urdfs.get(Path(name).name)  # the file's name alone in older bags
    if copy is None:
        section.fail("urdf", f"there is no copy of '{name}', but of {', '.join(urdfs) or 'no file'}")
    return copy


def _joint(section: Section, unit: str) -> Joint:
    """A joint; `unit` is the one that it has if the file names none, "" what the URDF file says."""
    joint = Joint(
        name=section.text("name"),
        lower=section.number("lower", -_MAX_ANGLE_RAD, _MAX_ANGLE_RAD, "rad or m"),
        upper=section.number("upper", -_MAX_ANGLE_RAD, _MAX_ANGLE_RAD, "rad or m"),
        max_velocity=section.number("max_velocity", 1e-4, 30, "rad/s or m/s"),
        max_acceleration=section.number("max_acceleration", 1e-3, 1e3, "rad/s^2 or m/s^2"),
        max_jerk=section.number("max_jerk", 1e-2, 1e6, "rad/s^3 or m/s^3"),
        unit=section.choice("unit", UNITS) if section.has("unit") else unit,
    )
    if joint.lower >= joint.upper:
        section.fail("lower", f"{joint.lower} is not below upper {joint.upper}; swap or correct them")
    return joint


def _with_urdf(section: Section, arm: Arm) -> Arm:
    """The arm with the units of its joints, if it agrees with its URDF file."""
    try:
        chain = load_chain(arm.urdf, arm.base_link, arm.tool_link)
    except UrdfError as error:
        section.fail("urdf", str(error))
    moving = [joint for joint in chain if joint.kind != "fixed"]
    names = [joint.name for joint in arm.joints]
    if [joint.name for joint in moving] != names:
        found = ", ".join(joint.name for joint in moving) or "none"
        section.fail("joints", f"{', '.join(names)} are not the moving joints of {arm.urdf.name} in its order: {found}")
    for index, (joint, urdf) in enumerate(zip(arm.joints, moving, strict=True)):
        _check_limits(section, f"joints[{index}]", joint, urdf, arm.urdf.name)
    units = ["m" if urdf.kind == "prismatic" else "rad" for urdf in moving]
    return dataclasses.replace(
        arm,
        joints=tuple(dataclasses.replace(joint, unit=unit) for joint, unit in zip(arm.joints, units, strict=True)),
    )


def _check_limits(section: Section, key: str, joint: Joint, urdf: ChainJoint, file: str) -> None:
    slack = 1e-6
    if joint.lower < urdf.lower - slack or joint.upper > urdf.upper + slack:
        limits = f"{urdf.lower:g} to {urdf.upper:g}"
        section.fail(key, f"{joint.name}: {joint.lower:g} to {joint.upper:g} exceeds {limits} of {file}; narrow it")
    if joint.max_velocity > urdf.velocity + slack:
        section.fail(
            f"{key}.max_velocity",
            f"{joint.name}: {joint.max_velocity:g} exceeds {urdf.velocity:g} of {file}; lower it",
        )
    unit = "m" if urdf.kind == "prismatic" else "rad"
    if joint.unit not in ("", unit):
        section.fail(f"{key}.unit", f"{joint.name} is {urdf.kind} in {file}: its unit is {unit}; remove the key")
    if urdf.kind == "prismatic" and max(abs(joint.lower), abs(joint.upper)) > _MAX_LENGTH_M:
        section.fail(key, f"{joint.name} slides: its limits are in m")


def _name(section: Section) -> str:
    name = section.text("name")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        section.fail("name", f"'{name}' must be lower-case letters, digits and underscores, as in 'left_arm'")
    return name


def _max_age(section: Section, rate_hz: float) -> float:
    max_age_s = section.number("max_age_s", 0.001, 10, "s")
    if max_age_s < 1.0 / rate_hz:
        section.fail("max_age_s", f"{max_age_s:g} s is less than one period at {rate_hz:g} Hz: always stale; raise it")
    return max_age_s


def _refuse_duplicates(section: Section, what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            section.fail("", f"{what} '{value}' is used twice; every {what} must be unique")
        seen.add(value)
