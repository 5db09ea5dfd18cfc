"""Chains of URDF files: what the standard gives a meaning is read, the rest is refused by file, joint and remedy."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.urdf import load_chain
from aloe_data.urdf_joint import ChainJoint, UrdfError

CONFIG = Path(__file__).parents[2] / "config"
ARM = (CONFIG / "sim_arm.urdf").read_text()
WAIST = '<limit lower="-2.6" upper="2.6" velocity="3.0" effort="60"/>'
XACRO = "xacro FILE -o OUT.urdf"


def load(folder: Path, text: str | bytes, base: str = "base", tool: str = "tool") -> tuple[ChainJoint, ...]:
    path = folder / "arm.urdf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_chain(path, base, tool)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('lower="-2.6"', 'lower="${-pi}"', ["'waist'", "<limit lower='${-pi}'>", XACRO]),
        ('upper="2.6"', 'upper="{2*pi}"', ["'waist'", "<limit upper='{2*pi}'>", XACRO]),
        ('upper="2.6"', 'upper="3,14"', ["'waist'", "'3,14'", "decimal point"]),
        ('upper="2.6"', 'upper=""', ["'waist'", "<limit upper=''>", "finite number"]),
        ('upper="2.6"', 'upper="nan"', ["'waist'", "'nan'", "finite number"]),
        ('upper="2.6"', 'upper="inf"', ["'waist'", "'inf'", "finite number"]),
        ('upper="2.6"', 'upper="1e999"', ["'waist'", "'1e999'", "finite number"]),
        ('upper="2.6"', 'upper="1_0"', ["'waist'", "'1_0'", "finite number"]),
        ('upper="2.6"', 'upper="\uff12"', ["'waist'", "finite number"]),
        ('lower="-2.6" upper="2.6"', 'lower="2.6" upper="-2.6"', ["'waist'", "2.6 is not below upper -2.6"]),
        ('lower="-2.6" upper="2.6" ', "", ["'waist'", "'lower' is not given, which means 0"]),
        ('velocity="3.0" effort="60"', 'velocity="0"', ["'waist'", "velocity='0'", "largest speed"]),
        ('velocity="3.0" effort="60"', 'velocity="-3"', ["'waist'", "velocity='-3'", "largest speed"]),
        ('velocity="3.0" effort="60"', 'effort="60"', ["'waist'", "no velocity"]),
        (WAIST, "", ["'waist'", "has no <limit>, which a revolute joint needs"]),
        ('name="waist" type="revolute"', 'name="waist" type="planar"', ["'waist'", "'planar' is not supported"]),
        ('name="waist" type="revolute"', 'name="waist" type="floating"', ["'waist'", "'floating' is not supported"]),
        ('name="waist" type="revolute"', 'name="waist"', ["'waist'", "type '' is not supported"]),
        (WAIST, WAIST + '<mimic joint="elbow"/>', ["'waist'", "mimics another joint"]),
        ('xyz="0 0 0.10"', 'xyz="0 0 ${h + 1}"', ["'waist'", "<origin xyz=", XACRO]),
        ('xyz="0 0 0.10"', 'xyz="0 0"', ["'waist'", "three numbers"]),
        ('xyz="0 0 0.10"', 'xyz="0 0 nan"', ["'waist'", "'nan'"]),
        ('<axis xyz="0 0 1"/>', '<axis xyz="0 0 0"/>', ["'waist'", "length 0"]),
        ('<parent link="base"/>', "", ["'waist'", "lacks <parent"]),
        ('name="shoulder"', 'name="waist"', ["two joints of the chain are named 'waist'"]),
        ('<child link="link2"/>', '<child link="link1"/>', ["'link1'", "'waist' and 'shoulder'"]),
        ('<parent link="base"/>', '<parent link="tool"/>', ["no chain", "'base'", "'tool'"]),
        ('<link name="tool"/>', '<link name="hand"/>', ["no link 'tool'"]),
        ('<link name="link4"/>', '<xacro:link4 xmlns:xacro="http://ros.org/wiki/xacro"/>', ["<xacro:link4>"]),
        ('<link name="link4"/>', "<xacro:link4/>", ["unprocessed xacro", XACRO]),
        ('<link name="tool"/>', '<link name="${prefix}tool"/>', ["${prefix}tool", XACRO]),
        ("</robot>", "", ["no element found: line 3"]),
        ('name="sim_arm"', 'name="M\udce4x"', ["line 3", "UTF-8"]),
        ('<?xml version="1.0"?>', '<?xml version="1.0" encoding="klingon"?>', ["encoding"]),
        ("robot", "sdf", ["<sdf>, not <robot>"]),
        (ARM, "", ["empty"]),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused_by_file_joint_and_remedy(
    old: str, new: str, parts: list[str], tmp_path: Path
) -> None:
    assert old in ARM
    with pytest.raises(UrdfError) as caught:
        load(tmp_path, ARM.replace(old, new).encode(errors="surrogateescape"))
    for part in ["arm.urdf", *parts]:
        assert part in str(caught.value)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.urdf").touch()
    with pytest.raises(UrdfError, match=r"arm.urdf: no such file; URDF files in that folder: .*other.urdf"):
        load_chain(tmp_path / "arm.urdf", "base", "tool")
    with pytest.raises(UrdfError, match="is a folder"):
        load_chain(tmp_path, "base", "tool")
    with pytest.raises(UrdfError, match="swap base_link and tool_link"):
        load_chain(CONFIG / "sim_arm.urdf", "tool", "base")


def test_a_continuous_joint_has_no_limits_of_position(tmp_path: Path) -> None:
    kind = ARM.replace('name="waist" type="revolute"', 'name="waist" type="continuous"')
    with_limit, without = load(tmp_path, kind)[0], load(tmp_path, kind.replace(WAIST, ""))[0]
    assert (with_limit.lower, with_limit.upper, with_limit.velocity) == (-math.inf, math.inf, 3.0)
    assert (without.lower, without.upper, without.velocity) == (-math.inf, math.inf, math.inf)


@pytest.mark.parametrize(
    "text",
    [
        ARM.replace("<robot ", '<robot xmlns="http://www.ros.org" xmlns:xacro="http://www.ros.org/wiki/xacro" '),
        "\ufeff" + ARM.replace("\n", "\r\n"),
        ARM.replace('"1.0"', '"1.0" encoding="ISO-8859-1"').replace("sim_arm", "M\u00fcller").encode("latin-1"),
        ARM.replace("</robot>", '<transmission><joint name="x"/></transmission><gazebo/></robot>'),
        ARM.replace('upper="2.6"', 'upper=" +2.6e0 "'),
    ],
)  # fmt: skip
def test_namespaces_encodings_and_elements_of_others_change_nothing(text: str | bytes, tmp_path: Path) -> None:
    assert load(tmp_path, text) == load(tmp_path, ARM)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(ARM)), st.integers(0, 40), st.binary(max_size=6))
def test_however_a_file_is_spoilt_it_is_a_chain_or_a_refusal_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, begin: int, count: int, new: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        load(folder, ARM.encode()[:begin] + new + ARM.encode()[begin + count :])
    except UrdfError as error:
        assert "arm.urdf" in str(error)
