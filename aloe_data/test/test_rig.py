"""The rig description: what it derives, and that nothing wrong in a rig file gets through."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_topic import write_shared_rig

from aloe_data.recording import recorded_topics
from aloe_data.rig import Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.world import DEFAULT_ARM_DISTANCE_M, DEFAULT_TOOL_SPEED_M_S

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def rig() -> Rig:
    return load_rig(CONFIG / "rig_sim.yaml")


@pytest.fixture
def tree() -> Any:
    return make_tree()


def make_tree() -> Any:
    """The simulated rig's file as plain values, free of shared anchors."""
    tree = yaml.safe_load((CONFIG / "rig_sim.yaml").read_text())
    for arm in tree["arms"]:
        arm["urdf"] = str(CONFIG / "sim_arm.urdf")
        arm["joints"] = [dict(joint) for joint in arm["joints"]]
        arm["gripper"] = dict(arm["gripper"])
    return tree


def load_tree(tree: Any, folder: Path) -> Rig:
    path = folder / "rig_test.yaml"
    path.write_text(yaml.safe_dump(tree))
    return load_rig(path)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("rig_*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_rig_loads(path: Path) -> None:
    rig = load_rig(path)
    assert rig.action_dim == sum(len(range(*rig.action_slice(arm.name).indices(1000))) for arm in rig.arms)
    assert rig.state_dim == sum(arm.dof for arm in rig.arms)


def test_ee_pose_rows_hold_ten_values_per_arm(rig: Rig) -> None:
    assert rig.action_dim == 20
    assert rig.action_slice("right_arm") == slice(10, 20)
    assert rig.action_layout[10] == "right_arm.x"
    assert rig.action_layout[-1] == "right_arm.gripper"


def test_joint_position_rows_hold_the_joints_gripper_last(tree: Any, tmp_path: Path) -> None:
    rig = load_tree(tree | {"action_space": "joint_position"}, tmp_path)
    assert rig.action_dim == rig.state_dim == 14
    assert rig.action_layout[6] == "left_arm.gripper"
    assert rig.action_slice("right_arm") == rig.state_slice("right_arm") == slice(7, 14)


def test_any_number_of_cameras_and_arms_is_accepted(tree: Any, tmp_path: Path) -> None:
    tree["cameras"], tree["arms"] = [], tree["arms"][:1]
    tree["simulation"]["cameras"] = {}
    assert load_tree(tree, tmp_path).action_dim == 10


def test_contract_changes_with_what_a_policy_depends_on_and_only_then(rig: Rig, tree: Any, tmp_path: Path) -> None:
    tree["name"], tree["cameras"][0]["topic"] = "other", "/elsewhere"
    assert load_tree(tree, tmp_path).contract == rig.contract
    tree["cameras"][0]["width"] = 160
    assert load_tree(tree, tmp_path).contract != rig.contract


def test_a_cameras_transport_tells_the_message_type_and_changes_no_contract(
    rig: Rig, tree: Any, tmp_path: Path
) -> None:
    assert rig.camera("head").message_type == "sensor_msgs/msg/CompressedImage"
    tree["cameras"][0] |= {"topic": "/cameras/head/image_raw", "transport": "raw"}
    raw = load_tree(tree, tmp_path)
    assert raw.camera("head").message_type == "sensor_msgs/msg/Image"
    assert raw.contract == rig.contract, "policies of either transport drive the rig"


def change(*path: Any, to: Any) -> Any:
    """An edit of the tree at a path; `to=...` (Ellipsis) deletes."""

    def edit(tree: Any) -> None:
        for key in path[:-1]:
            tree = tree[key]
        if to is ...:
            del tree[path[-1]]
        else:
            tree[path[-1]] = to

    return edit


DRIVER = {"topic": "/left_arm/driver", "type": "sensor_msgs/msg/JointState"}
BAD = {
    "unknown top key": (change("rate_herz", to=50), ["rate_herz", "did you mean 'rate_hz'"]),
    "unknown camera key": (change("cameras", 0, "heigth", to=240), ["cameras[0]", "heigth", "'height'"]),
    "unknown joint key": (change("arms", 1, "joints", 2, "max_vel", to=1.0), ["arms[1].joints[2]", "'max_velocity'"]),
    "missing key": (change("cameras", 1, "topic", to=...), ["cameras[1].topic", "missing"]),
    "action space": (change("action_space", to="ee_poses"), ["ee_poses", "did you mean 'ee_pose'"]),
    "command type": (change("arms", 0, "command_type", to="JointState"), ["arms[0].command_type", "JointState"]),
    "driver of a simulated arm": (change("arms", 0, "driver", to=DRIVER), ["arms", "no drivers", "remove"]),
    "limits in degrees": (change("arms", 0, "joints", 0, "upper", to=149.0), ["arms[0].joints[0].upper", "rad"]),
    "transport": (change("cameras", 0, "transport", to="raws"), ["cameras[0].transport", "did you mean 'raw'"]),
    "raw images on a compressed topic": (
        change("cameras", 0, "transport", to="raw"),
        ["cameras[0].topic", "write /cameras/head/image_raw"],
    ),
    "age in milliseconds": (change("cameras", 0, "max_age_s", to=200), ["cameras[0].max_age_s", "[s]"]),
    "age below a period": (change("cameras", 0, "max_age_s", to=0.01), ["max_age_s", "always stale"]),
    "text for a number": (change("rate_hz", to="50 Hz"), ["rate_hz", "number", "50 Hz"]),
    "not finite": (change("rate_hz", to=float("nan")), ["rate_hz", "nan"]),
    "boolean for a number": (change("cameras", 0, "width", to=True), ["cameras[0].width", "True"]),
    "fraction of a pixel": (change("cameras", 0, "width", to=320.5), ["cameras[0].width", "whole number"]),
    "swapped limits": (change("arms", 0, "gripper", "lower", to=0.2), ["arms[0].gripper.lower", "not below"]),
    "home outside limits": (change("arms", 0, "home", 0, to=3.0), ["arms[0].home[0]", "waist"]),
    "home too short": (change("arms", 0, "home", to=[0.0] * 6), ["arms[0].home", "list of 7"]),
    "beyond the URDF": (change("arms", 0, "joints", 0, "upper", to=3.0), ["joints[0]", "waist", "exceeds", "narrow"]),
    "faster than the URDF": (change("arms", 0, "joints", 0, "max_velocity", to=9.0), ["max_velocity", "exceeds 3"]),
    "wrong joint name": (change("arms", 0, "joints", 0, "name", to="weist"), ["arms[0].joints", "weist", "waist"]),
    "no number": (change("rate_hz", to="3,14"), ["rate_hz", "'3,14'", "decimal point", "(line "]),
    "an expression": (change("arms", 0, "home", 1, to="${-pi}"), ["arms[0].home[1]", "expressions", "(line "]),
    "text as a truth": (change("name", to=False), ["name", "False", "quotes"]),
    "truth as a text": (change("simulated", to="perhaps"), ["simulated", "true or false"]),
    "unit of a turning joint": (change("arms", 0, "joints", 0, "unit", to="m"), ["joints[0].unit", "is revolute"]),
    "no path": (change("arms", 0, "urdf", to="a\0b"), ["arms[0].urdf", "no path"]),
    "folder for a URDF": (change("arms", 0, "urdf", to="."), ["arms[0].urdf", "is a folder"]),
    "no URDF": (change("arms", 0, "urdf", to="none.urdf"), ["arms[0].urdf", "none.urdf"]),
    "unknown link": (change("arms", 0, "tool_link", to="hand"), ["arms[0].urdf", "'hand'", "tool"]),
    "relative topic": (change("cameras", 0, "topic", to="head/image"), ["cameras[0].topic", "absolute"]),
    "shared topic": (change("cameras", 1, "topic", to="/cameras/head/image_raw/compressed"), ["used twice"]),
    "one topic, the same joints": (
        lambda tree: [arm.update(joint_state_topic="/joint_states") for arm in tree["arms"]],
        ["arms", "'left_arm' and 'right_arm' both have a joint 'waist' on /joint_states", "different"],
    ),
    "command where states are": (
        change("arms", 0, "command_topic", to="/right_arm/joint_states"),
        ["'/right_arm/joint_states' is used twice"],
    ),
    "shared name": (change("arms", 1, "name", to="left_arm"), ["'left_arm' is used twice"]),
    "no arms": (change("arms", to=[]), ["at least one arm"]),
    "cameras as text": (change("cameras", to="head"), ["cameras", "list"]),
    "simulation on a real rig": (change("simulated", to=False), ["simulation", "remove"]),
    "camera without mount": (change("simulation", "cameras", "head", to=...), ["simulation.cameras", "head"]),
    "calibration of a simulated rig": (change("calibration", to={}), ["calibration", "simulation.cameras", "remove"]),
    "a wall behind the other": (
        change("arms", 0, "workspace", to={"lower": [0.0, 0.5, 0.0], "upper": [1.0, 0.5, 1.0]}),
        ["arms[0].workspace.lower", "y: 0.5 is not below upper 0.5", "swap"],
    ),
    "box without name": (
        change("arms", 0, "keep_out", to=[{"lower": [0.0] * 3, "upper": [1.0] * 3}]),
        ["arms[0].keep_out[0].name", "missing"],
    ),
    "boxes of one name": (
        change("arms", 0, "keep_out", to=[{"name": "bin", "lower": [0.0] * 3, "upper": [1.0] * 3}] * 2),
        ["arms[0].keep_out", "two boxes are named 'bin'", "rename"],
    ),
    "box in mm": (
        change("arms", 0, "workspace", to={"lower": [0.0] * 3, "upper": [800.0] * 3}),
        ["arms[0].workspace.upper[0]", "[m]"],
    ),
    "tool speed in mm": (change("arms", 0, "max_tool_speed_m_s", to=250), ["max_tool_speed_m_s", "[m/s]"]),
    "no distance": (change("min_arm_distance_m", to=-0.1), ["min_arm_distance_m", "outside 0 to 1"]),
    "mount on nothing": (change("simulation", "cameras", "head", "parent", to="hip"), ["cameras.head.parent", "hip"]),
}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.replace(" ", "_"))
def test_bad_rig_files_are_refused_by_file_key_and_remedy(case: str, tree: Any, tmp_path: Path) -> None:
    edit, expected = BAD[case]
    edit(tree)
    with pytest.raises(RigError) as caught:
        load_tree(tree, tmp_path)
    for part in ["rig_test.yaml", *expected]:
        assert part in str(caught.value)


def test_a_rig_file_that_says_nothing_of_the_space_around_its_arms_has_a_tool_speed_and_an_arm_distance(
    tree: Any, tmp_path: Path
) -> None:
    del tree["min_arm_distance_m"]
    for arm in tree["arms"]:
        for key in ("workspace", "keep_out", "max_tool_speed_m_s", "link_radius_m"):
            del arm[key]
    rig = load_tree(tree, tmp_path)
    assert rig.min_arm_distance_m == DEFAULT_ARM_DISTANCE_M > 0.0
    assert [(arm.workspace, arm.keep_out) for arm in rig.arms] == [(None, ())] * 2
    assert {arm.max_tool_speed_m_s for arm in rig.arms} == {DEFAULT_TOOL_SPEED_M_S}


def test_boxes_are_read_with_their_names(rig: Rig) -> None:
    table = rig.arms[1].keep_out[0]
    assert table.name == "table" and table.upper[2] == pytest.approx(-0.005)
    assert rig.arms[1].workspace is not None and rig.arms[1].workspace.lower[2] == pytest.approx(-0.005)


def test_a_missing_rig_file_lists_the_ones_that_exist() -> None:
    with pytest.raises(RigError, match=r"rig_simm.yaml: no such rig file.*rig_sim\.yaml"):
        load_rig(CONFIG / "rig_simm.yaml")


@pytest.mark.parametrize("text", ["a: [", "just text", "name: a\nname: b\n", ""])
def test_files_that_are_no_mapping_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rig_x.yaml"
    path.write_text(text)
    with pytest.raises(RigError, match=r"rig_x\.yaml"):
        load_rig(path)


def test_arms_may_share_joint_states_where_their_joints_have_different_names(tmp_path: Path) -> None:
    rig = load_rig(write_shared_rig(tmp_path))
    assert rig.arms_on("/joint_states") == rig.arms
    topics = [topic for topic in recorded_topics(rig, use_sim_time=False) if topic.name == "/joint_states"]
    assert [(topic.rate_hz, topic.shared, topic.continuous) for topic in topics] == [(50.0, True, True)]


def test_unknown_camera_or_arm_is_named_with_the_nearest(rig: Rig) -> None:
    with pytest.raises(RigError, match="did you mean 'left_wrist'"):
        rig.camera("left_wrst")
    with pytest.raises(RigError, match="did you mean 'left_arm'"):
        rig.action_slice("leftarm")


ODD = [None, True, 0, -1, 10**400, 1e308, float("nan"), float("inf"), "", "nan", "${-pi}", "a\0b", [], {}, [[]], {1: 2}]


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values of a tree."""
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [path, *(below for key in keys for below in places(tree[key], (*path, key)))]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(places(make_tree())[1:]), st.sampled_from([..., *ODD]))
def test_whatever_a_value_is_replaced_by_it_is_a_rig_or_a_refusal_that_names_the_key(
    tmp_path_factory: pytest.TempPathFactory, path: tuple[Any, ...], value: Any
) -> None:
    tree = make_tree()
    change(*path, to=value)(tree)
    try:
        load_tree(tree, tmp_path_factory.getbasetemp())
    except RigError as error:
        named = str(error).partition("rig_test.yaml: ")[2].partition(":")[0]
        assert re.split(r"[.\[]", named)[0] in ("top level", *make_tree()), str(error)


TEXT = (CONFIG / "rig_sim.yaml").read_text().replace("sim_arm.urdf", str(CONFIG / "sim_arm.urdf")).encode()
PIECES = st.binary(max_size=4) | st.sampled_from(
    [b"\t", b": ", b"- ", b"{", b"]", b"'", b"<<: *joints", b"\xef\xbb\xbf"]
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TEXT)), st.integers(0, 40), PIECES)
def test_however_a_file_is_spoilt_it_is_a_rig_or_a_refusal_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, begin: int, count: int, new: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "rig_spoilt.yaml"
    path.write_bytes(TEXT[:begin] + new + TEXT[begin + count :])
    try:
        load_rig(path)
    except RigError as error:
        assert "rig_spoilt.yaml: " in str(error) and "\n" not in str(error)
