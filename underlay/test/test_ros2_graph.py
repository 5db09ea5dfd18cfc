"""The behaviour of `ros2 topic`, `node`, `service` and `param` against a node that runs."""

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("rclpy")

DOMAIN = "69"
NODE = """
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

def answer(request, response):
    response.success, response.message = request.data, "heard"
    return response

rclpy.init()
node = rclpy.create_node("subject", namespace="/ns")
node.declare_parameter("rate", 1.5)
node.declare_parameter("count", 3)
service = node.create_service(SetBool, "switch", answer)
publisher = node.create_publisher(JointState, "joints", qos_profile_sensor_data)
message = JointState(name=["a", "b"], position=[0.25, 1.0])
node.create_timer(0.02, lambda: publisher.publish(message))
print("up", flush=True)
rclpy.spin(node)
"""


@pytest.fixture(scope="module", autouse=True)
def subject():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", DOMAIN)
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        process = subprocess.Popen([sys.executable, "-c", NODE], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "up\n"
        yield
        process.kill()
        process.communicate()


def ros2(*arguments: str, timeout: float = 30.0) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "import sys; from ros2cli.cli import main; sys.exit(main())", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def printed(*arguments: str) -> str:
    """What a command prints that does what it should."""
    result = ros2(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def lines_with(wanted: str, *arguments: str) -> list[str]:
    """What a command prints, asked again until a line of it is there: on a busy machine discovery takes its time."""
    for _ in range(10):
        lines = ros2(*arguments).stdout.splitlines()
        if wanted in lines:
            return lines
    pytest.fail(f"'{wanted}' is not in {lines}")


def test_topics_are_listed_with_their_types():
    lines = lines_with("/ns/joints [sensor_msgs/msg/JointState]", "topic", "list", "-t")
    assert lines == sorted(lines)


def test_echo_prints_yaml_and_once_ends_it():
    result = ros2("topic", "echo", "--once", "/ns/joints")
    assert result.returncode == 0
    assert result.stdout == (
        "header:\n  stamp:\n    sec: 0\n    nanosec: 0\n  frame_id: ''\n"
        "name:\n- a\n- b\nposition:\n- 0.25\n- 1.0\nvelocity: []\neffort: []\n---\n"
    )
    assert printed("topic", "echo", "--once", "--field", "position.1", "/ns/joints") == "1.0\n---\n"


def test_echo_of_a_topic_that_nobody_publishes_says_so():
    result = ros2("topic", "echo", "--spin-time", "0.5", "/absent")
    assert result.returncode == 1
    assert "topic [/absent] does not appear to be published yet" in result.stderr


def test_hz_sees_the_rate_of_a_50_hz_topic():
    command = [sys.executable, "-c", "from ros2cli.cli import main; main(['topic', 'hz', '/ns/joints'])"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        reports = [line for line in (process.stdout.readline() for _ in range(6)) if line.startswith("average rate: ")]
    finally:
        process.kill()
        process.communicate()
    assert 45.0 < float(reports[-1].split()[-1]) < 55.0


def test_pub_fills_the_message_waits_for_a_subscriber_and_publishes_once():
    command = [
        sys.executable,
        "-c",
        "from ros2cli.cli import main; main(['topic','echo','--once','/t','std_msgs/msg/String'])",
    ]
    listener = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    result = ros2("topic", "pub", "--once", "/t", "std_msgs/msg/String", "{data: hello}")
    assert "publishing #1: std_msgs.msg.String(data='hello')" in result.stdout
    assert listener.communicate(timeout=30)[0] == "data: hello\n---\n"


@pytest.mark.parametrize(
    ("type_name", "values", "complaint"),
    [("std_msgs/msg/Strung", "{}", "Strung"), ("std_msgs/msg/String", "{dada: 1}", "dada")],
)
def test_pub_refuses_unknown_types_and_fields_by_name(type_name, values, complaint):
    result = ros2("topic", "pub", "--once", "/t", type_name, values)
    assert result.returncode == 1
    assert complaint in result.stderr


def test_nodes_are_listed_by_their_full_names_and_hidden_ones_on_request():
    assert lines_with("/ns/subject", "node", "list") == ["/ns/subject"]
    assert re.search(r"^/_ros2cli_\d+$", ros2("node", "list", "-a").stdout, re.MULTILINE)


def test_services_are_listed_and_called():
    assert lines_with("/ns/switch [std_srvs/srv/SetBool]", "service", "list", "-t")
    result = ros2("service", "call", "/ns/switch", "std_srvs/srv/SetBool", "{data: true}")
    assert "requester: making request: std_srvs.srv.SetBool_Request(data=True)" in result.stdout
    assert "response:\nstd_srvs.srv.SetBool_Response(success=True, message='heard')" in result.stdout


def test_parameters_are_listed_read_and_set():
    assert "  rate" in printed("param", "list", "/ns/subject").splitlines()
    assert printed("param", "get", "/ns/subject", "rate") == "Double value is: 1.5\n"
    assert printed("param", "set", "/ns/subject", "count", "8") == "Set parameter successful\n"
    assert printed("param", "get", "/ns/subject", "count") == "Integer value is: 8\n"


def test_a_parameter_or_node_that_is_not_there_is_named():
    refused = ros2("param", "set", "/ns/subject", "count", "text")
    assert refused.returncode == 1
    assert "Setting parameter failed" in refused.stderr
    assert "no parameter 'absent'" in ros2("param", "get", "/ns/subject", "absent").stderr
    assert "/ns/subject" in ros2("param", "get", "/nobody", "rate").stderr
