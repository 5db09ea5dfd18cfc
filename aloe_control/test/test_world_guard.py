"""No command whose stop leaves the workspace, enters a box, brings arms together or hurries a tool."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.capsules import arm_shape
from aloe_control.joints import make_limiter
from aloe_control.stop_law import stop_acceleration
from aloe_control.world_guard import START_MARGIN_M, WorldGuard, home_problems
from aloe_data.kinematics import ArmKinematics, rotation_about, rotation_from_rpy
from aloe_data.rig_file import load_rig
from aloe_data.world import Box, KeepOut

CONFIG = Path(__file__).parents[2] / "config"
RIG = load_rig(CONFIG / "rig_sim.yaml")
HOME = np.concatenate([arm.home for arm in RIG.arms])
LEFT, RIGHT = (arm.name for arm in RIG.arms)
EVERYWHERE = Box((-2.0,) * 3, (2.0,) * 3)
ROUNDING_M = 1e-6
CAPSULES = {arm.name: arm_shape(arm).capsules for arm in RIG.arms}


def rig(keep_out=(), workspace=EVERYWHERE, distance_m=0.02, speed_m_s=10.0):
    arms = [replace(a, keep_out=tuple(keep_out), workspace=workspace, max_tool_speed_m_s=speed_m_s) for a in RIG.arms]
    return replace(RIG, arms=tuple(arms), min_arm_distance_m=distance_m)


def box(middle, half, name="box"):
    middle, half = np.array(middle), np.array(half)
    return KeepOut(lower=tuple(middle - half), upper=tuple(middle + half), name=name)


class Arms:
    """A limiter with a guard, and at every tick, worked out the slow way, what its stop would lead through."""

    def __init__(self, world, start=HOME) -> None:
        self.rig = world
        self.guard = WorldGuard(world)
        self.limiter = make_limiter(world, self.guard)
        self.limiter.reset(start)
        self.commands = [start.copy()]

    def ask(self, request) -> np.ndarray:
        positions = self.limiter.step(request).positions
        self.commands.append(positions)
        return positions

    def stop(self) -> np.ndarray:
        """Commands from the last one on, as they would be if every joint braked."""
        p, v, a = self.limiter._p.copy(), self.limiter._v.copy(), self.limiter._a.copy()
        path = [p.copy()]
        while np.abs(v).max() > 1e-9 or np.abs(a).max() > 1e-9:
            a = stop_acceleration(v, a, self.limiter._alpha)
            v = v + a
            p = p + v * self.limiter._unit
            path.append(p.copy())
        return np.array(path)


def lines(arm, q):
    """Ends [N, 2, 3] of the axes of an arm's capsules, and the tools [N, 3], by plain forward kinematics."""
    kinematics = ArmKinematics(arm)
    xyz = np.tile(kinematics.base_xyz, (len(q), 1))
    rotation = np.tile(kinematics.base_rotation, (len(q), 1, 1))
    frames = [(xyz, rotation)]
    index = 0
    for joint in kinematics.chain:
        xyz = xyz + rotation @ joint.xyz
        rotation = rotation @ rotation_from_rpy(joint.rpy)
        if joint.kind != "fixed":
            rotation = rotation @ rotation_about(joint.axis, q[:, index])
            index += 1
            frames.append((xyz, rotation))
    found = []
    for capsule in CAPSULES[arm.name]:
        at, turned = frames[capsule.frame]
        found.append((np.stack([at + turned @ capsule.start, at + turned @ capsule.end], axis=1), capsule))
    return found, xyz


def sampled(ends, n=16):
    """Points [N, n, 3] along lines [N, 2, 3]."""
    return ends[:, :1] + np.linspace(0.0, 1.0, n)[:, None] * (ends[:, 1:] - ends[:, :1])


def apart(world, q) -> tuple[float, float, float]:
    """How clear configurations [N, S] are of workspaces, boxes, and the other arm, m, by points tried one by one."""
    inside, boxes, shapes = [], [], []
    for arm in world.arms:
        capsules, tool = lines(arm, q[:, world.state_slice(arm.name)][:, :-1])
        inside += [tool - arm.workspace.lower, arm.workspace.upper - tool]
        for ends, capsule in capsules:
            points = sampled(ends)
            for b in arm.keep_out if capsule.moves else ():
                outside = points - np.clip(points, b.lower, b.upper)
                boxes.append(np.linalg.norm(outside, axis=2).min() - capsule.radius_m)
        shapes.append([(sampled(ends), capsule) for ends, capsule in capsules])
    between = [
        np.linalg.norm(p[:, :, None] - r[:, None], axis=3).min() - c.radius_m - d.radius_m
        for p, c in shapes[0]
        for r, d in shapes[1]
        if c.moves or d.moves
    ]
    return float(np.min(inside)), min(boxes, default=1.0), min(between)


def check(arms: Arms) -> None:
    """The nearest of the points that are tried is a little further away than the nearest of all: never nearer."""
    inside, boxes, between = apart(arms.rig, arms.stop())
    assert inside >= -ROUNDING_M
    assert boxes >= -ROUNDING_M
    assert between >= arms.rig.min_arm_distance_m - ROUNDING_M


def requests(rng, kind, ticks) -> np.ndarray:
    """Joint requests [ticks, S]: jumps, waves or steps at random, with requests that are none in between."""
    low = np.array([joint.lower for arm in RIG.arms for joint in arm.all_joints])
    high = np.array([joint.upper for arm in RIG.arms for joint in arm.all_joints])
    if kind == "jumps":
        targets = rng.uniform(low, high, (ticks // 15 + 1, len(low)))
        rows = np.repeat(targets, 15, axis=0)[:ticks]
    elif kind == "waves":
        t = 0.02 * np.arange(ticks)[:, None]
        rows = HOME + rng.uniform(0.2, 1.0) * np.sin(rng.uniform(1.0, 6.0, len(low)) * t + rng.uniform(0, 6, len(low)))
    else:
        rows = HOME + np.cumsum(rng.normal(0.0, 0.04, (ticks, len(low))), axis=0)
    rows[rng.random(ticks) < 0.05] = np.nan
    return rows


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["jumps", "waves", "walk"]))
def test_no_command_has_a_stop_that_is_not_clear_whatever_two_arms_are_asked(seed, kind):
    rng = np.random.default_rng(seed)
    boxes = [
        box(rng.uniform([0.1, -0.5, 0.0], [0.7, 0.5, 0.7]), rng.uniform(0.02, 0.2, 3), f"box{i}") for i in range(6)
    ]
    boxes = [b for b in boxes if not WorldGuard(rig([b])).problems(HOME, margin_m=0.0)]
    space = Box(tuple(rng.uniform([-0.4, -0.8, 0.0], [0.2, -0.3, 0.15])), tuple(rng.uniform([0.42, 0.3, 0.25], 0.9)))
    limit_m_s = rng.uniform(0.2, 2.0)
    arms = Arms(rig(boxes, space, rng.uniform(0.0, 0.05), limit_m_s))
    assert not arms.guard.problems(HOME, margin_m=0.0)
    for number, request in enumerate(requests(rng, kind, 90)):
        arms.ask(request)
        braked = arms.guard.reason(LEFT) or arms.guard.reason(RIGHT)
        if braked or number % 5 == 0:
            check(arms)
    for arm in arms.rig.arms:
        q = np.array(arms.commands)[:, arms.rig.state_slice(arm.name)][:, :-1]
        speed = np.linalg.norm(np.diff(ArmKinematics(arm).forward(q)[0], axis=0), axis=1) * arms.rig.rate_hz
        assert speed.max() <= limit_m_s + 1e-4


def toward(arms: Arms, request, ticks=150):
    reasons = set()
    for _ in range(ticks):
        arms.ask(request)
        reasons |= {(arm, arms.guard.reason(arm)) for arm in (LEFT, RIGHT)}
    return reasons


def bowed(arm: str, by=0.9):
    """Home, with one arm's shoulder turned so that its tool goes down and forward."""
    request = HOME.copy()
    request[RIG.state_slice(arm)][1] += by
    return request


def test_an_arm_that_is_sent_through_the_table_stops_close_above_it_and_comes_back():
    arms = Arms(rig([box((0.5, 0.0, -0.25), (1.0, 1.0, 0.25), "table")]))
    reasons = toward(arms, bowed(LEFT))
    assert (LEFT, "keep_out:table") in reasons
    assert {reason for arm, reason in reasons if arm == RIGHT} == {""}
    assert 0.0 <= apart(arms.rig, arms.commands[-1][None])[1] < 0.01
    toward(arms, HOME)
    assert (arms.commands[-1] == HOME).all()
    assert arms.guard.reason(LEFT) == ""


def test_the_tool_stops_at_the_wall_of_its_workspace():
    arms = Arms(rig(workspace=Box((-1.0, -1.0, 0.1), (1.0, 1.0, 1.0))))
    reasons = toward(arms, bowed(LEFT))
    assert (LEFT, "workspace") in reasons
    assert 0.0 <= apart(arms.rig, arms.commands[-1][None])[0] < 0.01


def test_arms_that_are_sent_into_each_other_stop_apart_and_either_may_leave():
    request = HOME.copy()
    request[RIG.state_slice(LEFT)][0] -= 1.2
    request[RIG.state_slice(RIGHT)][0] += 1.2
    arms = Arms(rig(distance_m=0.03))
    reasons = toward(arms, request)
    assert (LEFT, "arms") in reasons or (RIGHT, "arms") in reasons
    assert 0.03 <= apart(arms.rig, arms.commands[-1][None])[2] < 0.05
    leaving = request.copy()  # the other one pushes on
    leaving[RIG.state_slice(LEFT)] = HOME[RIG.state_slice(LEFT)]
    toward(arms, leaving)
    assert (arms.commands[-1][RIG.state_slice(LEFT)] == HOME[RIG.state_slice(LEFT)]).all()


def test_a_tool_that_is_sent_far_is_slowed_down_and_arrives():
    request = HOME.copy()
    request[RIG.state_slice(LEFT)][0] += 1.2
    arms = Arms(rig(speed_m_s=0.25))
    reasons = toward(arms, request, ticks=300)
    assert (LEFT, "tool_speed") in reasons
    assert (arms.commands[-1] == request).all()
    q = np.array(arms.commands)[:, RIG.state_slice(LEFT)][:, :-1]
    speed = np.linalg.norm(np.diff(ArmKinematics(RIG.arms[0]).forward(q)[0], axis=0), axis=1) * RIG.rate_hz
    assert np.median(speed[10:60]) > 0.2 and speed.max() <= 0.25 + 1e-4


def test_what_stays_clear_passes_unchanged():
    free, guarded = make_limiter(RIG), Arms(rig())
    free.reset(HOME)
    for k in range(100):
        request = HOME + 0.1 * np.sin(0.05 * k)
        assert (guarded.ask(request) == free.step(request).positions).all()


def test_an_arm_that_begins_a_little_inside_a_box_may_only_come_out():
    ends, tip = lines(RIG.arms[0], HOME[None, :6])[0][-1]
    top = ends[0, :, 2].min() - tip.radius_m + 0.005
    world = rig([box((1.2, 0.0, top - 0.5), (1.0, 1.0, 0.5), "table")])
    arms = Arms(world)
    before = apart(world, HOME[None])[1]
    assert before == pytest.approx(-0.005, abs=1e-3) and not arms.guard.problems(HOME)
    toward(arms, bowed(LEFT), ticks=40)
    toward(arms, bowed(RIGHT), ticks=40)
    assert apart(world, arms.commands[-1][None])[1] >= before - ROUNDING_M
    toward(arms, bowed(LEFT, -0.3))
    toward(arms, bowed(RIGHT, -0.3))
    toward(arms, bowed(LEFT))
    assert apart(world, arms.commands[-1][None])[1] > before - ROUNDING_M


def test_arms_that_stand_far_inside_a_limit_are_named_with_the_remedy():
    tool = lines(RIG.arms[0], HOME[None, :6])[1][0]
    beside = Box(tuple(tool + np.array([START_MARGIN_M + 0.02, -1.0, -1.0])), (2.0, 2.0, 2.0))
    assert "the tool of 'left_arm' is 0.030 m outside its workspace; lead it back in by hand" in str(
        WorldGuard(rig(workspace=beside)).problems(HOME)
    )
    inside = WorldGuard(rig([box(tool, (0.1, 0.1, 0.1), "bin")])).problems(HOME)
    assert "a link of 'left_arm' is" in inside[0] and "inside 'bin'; move the arm out by hand" in inside[0]
    near = WorldGuard(rig(distance_m=0.9)).problems(HOME)
    assert "'left_arm' and 'right_arm' are" in near[0] and "closer than 0.9 m; move them apart by hand" in near[0]
    assert home_problems(rig(distance_m=0.9))[0].startswith("at home 'left_arm' and 'right_arm' are")


@pytest.mark.parametrize("path", sorted(CONFIG.glob("rig_*.yaml")), ids=lambda path: path.stem)
def test_the_home_pose_of_every_shipped_rig_is_clear(path):
    assert home_problems(load_rig(path)) == []
