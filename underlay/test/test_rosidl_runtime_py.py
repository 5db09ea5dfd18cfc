"""Messages to and from YAML, as the official `rosidl_runtime_py` does it."""

import pytest

pytest.importorskip("rosidl_runtime_py")
import yaml
from geometry_msgs.msg import PolygonStamped
from rosidl_runtime_py import message_to_ordereddict, message_to_yaml, set_message_fields
from rosidl_runtime_py.utilities import get_message, get_service
from sensor_msgs.msg import CompressedImage, Imu, JointState


def test_interfaces_are_found_by_name():
    assert get_message("sensor_msgs/msg/JointState") is JointState
    assert get_service("std_srvs/srv/SetBool").__name__ == "SetBool"
    with pytest.raises(ValueError):
        get_message("JointState")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (JointState, {"header": {"stamp": {"sec": 3}, "frame_id": "base"}, "name": ["a"], "position": [1, 2.5]}),
        (PolygonStamped, {"polygon": {"points": [{"x": 1.0}, {"y": 2}]}}),
        (Imu, {"orientation_covariance": [float(i) for i in range(9)]}),
        (CompressedImage, {"format": "jpeg", "data": [1, 2, 255]}),
    ],
)
def test_what_is_written_as_yaml_reads_back_as_the_same_message(kind, values):
    message, copy = kind(), kind()
    set_message_fields(message, values)
    set_message_fields(copy, yaml.safe_load(message_to_yaml(message)))
    assert copy == message


def test_long_arrays_are_cut_on_request():
    message = CompressedImage(data=bytes(300))
    assert message_to_ordereddict(message, truncate_length=2)["data"] == [0, 0, "..."]
    assert len(message_to_ordereddict(message)["data"]) == 300
    assert "300" in message_to_ordereddict(message, no_arr=True)["data"]


def test_a_field_that_does_not_exist_is_named():
    with pytest.raises(AttributeError, match="velocities"):
        set_message_fields(JointState(), {"velocities": []})
