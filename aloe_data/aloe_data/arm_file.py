"""Reading of an arm of a rig file: joints, limits, home and driver, held against the arm's URDF file."""

import dataclasses
from collections.abc import Mapping
from math import pi
from pathlib import Path

from aloe_data.driver import Driver, read_driver
from aloe_data.rig import COMMAND_TYPES, UNITS, Arm, Joint
from aloe_data.rig_fields import read_max_age, read_name, refuse_duplicates
from aloe_data.section import Section, show
from aloe_data.urdf import load_chain
from aloe_data.urdf_joint import ChainJoint, UrdfError
from aloe_data.world_file import read_arm_space

_MAX_ANGLE_RAD = 4 * pi  # joints that turn further do not exist on arms: such a limit is in degrees
_MAX_LENGTH_M = 5.0


def read_arm(section: Section, path: Path, urdfs: Mapping[str, Path] | None) -> Arm:
    """Read and check one arm.

    Args:
        section: Section of the arm.
        path: Path of the rig file; paths of URDF files are relative to it.
        urdfs: Copies of the URDF files by the name that the rig file gives them; None: the named files are read.
    """
    rate_hz = section.number("rate_hz", 1, 2000, "Hz")
    joints = tuple(_joint(joint, "") for joint in section.sections("joints", Joint))
    space = read_arm_space(section)
    arm = Arm(
        name=read_name(section),
        joint_state_topic=section.topic("joint_state_topic"),
        command_topic=section.topic("command_topic"),
        rate_hz=rate_hz,
        max_age_s=read_max_age(section, rate_hz),
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
    refuse_duplicates(section, "joint name", arm.joint_names)
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
