"""Loads another policy into the rollout that runs: `ros2 run aloe_policy load FOLDER`."""

import argparse
import sys

import rclpy
from aloe_msgs.srv import LoadPolicy
from rclpy.node import Node

from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import SessionError, open_session
from aloe_policy.ros.deploying import LOAD, SHORT

_FIND_S = 10.0
_LOAD_S = 300.0  # a large checkpoint from a slow disk


def main() -> None:
    """Entry point of `load`; the exit code is 1 where the policy that ran goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="folder of the checkpoint, as the machine of policy_node names it")
    parser.add_argument("--version", default="", help="sha256 that it must have, or its first 12 digits or more")
    parser.add_argument("--force", action="store_true", help="load a version that was rolled back as well")
    options = parser.parse_args()
    rclpy.init()
    try:
        print(_load(options))
    except (SessionError, TimeoutError, ValueError) as error:
        sys.exit(f"load: {error}")
    finally:
        rclpy.try_shutdown()


def _load(options: argparse.Namespace) -> str:
    """Ask policy_node; returns what it says.

    Raises:
        SessionError: There is no session of a launch that runs.
        TimeoutError: policy_node is not there or does not answer.
        ValueError: It refuses, for the reason given.
    """
    sealer = MessageSealer(open_session(), "load")
    node = Node("load")
    client = node.create_client(LoadPolicy, LOAD)
    if not client.wait_for_service(timeout_sec=_FIND_S):
        raise TimeoutError(f"no service {LOAD} within {_FIND_S:g} s; is policy_node running?")
    request = LoadPolicy.Request(path=options.checkpoint, policy_version=options.version, force=options.force)
    request.stamp = node.get_clock().now().to_msg()
    future = client.call_async(sealer.seal(LOAD, request))
    rclpy.spin_until_future_complete(node, future, timeout_sec=_LOAD_S)
    answer = future.result()
    if answer is None:
        raise TimeoutError(f"policy_node did not answer within {_LOAD_S:g} s")
    if not answer.success:
        raise ValueError(answer.message)
    return f"policy {answer.policy_version[:SHORT]} from {options.checkpoint} drives from the next chunk on"


if __name__ == "__main__":
    main()
