"""A laboratory: control_node and driver_relay of a real rig, drivers that take joint states, a person with pedals."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aloe_msgs.msg import InterventionRequest
from node_world import DOMAIN, World, start
from sensor_msgs.msg import JointState

RELAY = "from aloe_control.ros.driver_relay import main; main()"


class Laboratory(World):
    """The world of a real rig: its drivers hear driver_relay alone, and devices of people are there once plugged in."""

    def __init__(self, rig_file: Path) -> None:
        super().__init__(rig_file)
        self.told: list[str] = []  # arms whose driver was sent a set point, in order
        for arm in self.rig.arms:
            self.lose_driver(arm.name)
            self.node.create_subscription(JointState, arm.driver.topic, self._driver(arm.name), 5)
        self.node.create_timer(0.1, self._beat)
        self.plugged_in = False

    def _driver(self, arm: str):
        def obey(set_point: JointState) -> None:
            self.told.append(arm)
            self.joints[arm] = np.array(set_point.position)

        return obey

    def plug_in(self) -> None:
        """Pedals that say ten times a second that they are there, and leaders that nobody touches."""
        self.plugged_in = True
        self.deadman = False
        self.human = {arm.name: self.joints[arm.name] for arm in self.rig.arms}

    def _beat(self) -> None:
        if self.plugged_in:
            self.ask(InterventionRequest.ALIVE)

    def press(self, *kinds: int) -> None:
        for kind in kinds:
            self.ask(kind)

    def armed_by_ready(self) -> bool:
        """A person says ready, and motion is asked for."""
        self.press(InterventionRequest.READY)
        return self.arm().success

    def refused_for(self, *words: str, but: tuple[str, ...] = ()) -> bool:
        """Whether arming is refused with all of these words and none of the others."""
        answer = self.arm()
        assert not answer.success, "motion was enabled"
        return all(word in answer.message for word in words) and not any(word in answer.message for word in but)


@pytest.fixture
def real_rig_file(tmp_path, rig_file):
    text = rig_file.read_text().partition("simulation:")[0]
    for before, after in (
        ("simulated: true", "simulated: false"),
        ("action_space: ee_pose", "action_space: joint_position"),
        ("device_max_age_s: 0.5", "device_max_age_s: 3.0"),  # pedals, too, share two busy cores here
    ):
        assert before in text
        text = text.replace(before, after)
    text = re.sub(
        r"    command_topic: /(\w+)/command\n",
        r"    command_topic: /\1/command\n    driver: {topic: /\1/driver, type: sensor_msgs/msg/JointState}\n",
        text,
    )
    path = tmp_path / "laboratory.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def laboratory(real_rig_file):
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)}
    relay = subprocess.Popen(
        [sys.executable, "-c", RELAY, "--ros-args", "-p", f"rig:={real_rig_file}"], env=environment
    )
    control = start(real_rig_file)
    laboratory = Laboratory(real_rig_file)
    yield laboratory
    for process in (control, relay):
        process.terminate()
        assert process.wait(timeout=10) == 0
    laboratory.close()


NO_STOP = "the emergency stop of"
NO_READY = "nobody said ready since motion last ended"
NO_PEOPLE = ("takeover device has never", "human commands for 'left_arm' has never")


def test_a_real_rig_moves_when_a_person_tried_the_stop_and_said_ready_and_not_before(laboratory):
    lab = laboratory
    # Cameras, arms, drivers and relay are there, and no person.
    alone = (*NO_PEOPLE, NO_STOP, NO_READY)
    lab.until(
        lambda: lab.refused_for(*alone, but=("camera", "joint states", "obeys")), 60.0, "only a person is missing"
    )

    # A person is there, and ready, but never tried the emergency stop.
    lab.plug_in()
    lab.until(lambda: lab.refused_for(NO_STOP, NO_READY, but=NO_PEOPLE), what="the pedals are heard")
    lab.press(InterventionRequest.READY)
    lab.until(lambda: lab.refused_for(NO_STOP, but=(NO_READY,)), what="the person is heard, the stop is missed")

    # The stop is tried; what was said before it is void.
    lab.press(InterventionRequest.ESTOP)
    lab.until(lambda: lab.refused_for("emergency stop by ana", NO_READY), what="the stop is latched")
    lab.press(InterventionRequest.RESET)
    lab.until(lambda: lab.refused_for(NO_READY, but=("emergency stop",)), what="only the person's word is missing")
    assert not lab.told, "an arm was sent something before motion was enabled"

    # Ready: the arms follow the policy through the relay to their drivers.
    lab.until(lab.armed_by_ready, what="motion is enabled")
    home = np.concatenate([arm.home for arm in lab.rig.arms])
    goal = home + np.tile(np.append(0.1, np.zeros(6)), 2)
    lab.chunk_rows = np.tile(goal, (50, 1)).astype(np.float32)
    lab.until(lambda: np.abs(np.concatenate([*lab.joints.values()]) - goal).max() < 1e-3, what="both arms have moved")
    assert set(lab.told) == {arm.name for arm in lab.rig.arms}

    # Once for each motion.
    lab.arm(enable=False)
    lab.until(lambda: lab.refused_for(NO_READY, but=("emergency stop",)), what="ready is asked for anew")

    # A stop during motion ends it, and the drivers stay where they are.
    lab.until(lab.armed_by_ready, what="motion is enabled again")
    lab.press(InterventionRequest.ESTOP)
    assert "emergency stop by ana" in lab.until_fault()
