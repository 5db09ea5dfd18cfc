"""Various action related sub-commands."""

from __future__ import annotations

import argparse
from typing import Any

import rclpy
import yaml
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient, get_action_names_and_types
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rosidl_runtime_py import message_to_yaml, set_message_fields
from rosidl_runtime_py.utilities import get_action

from ros2cli.node import CommandError, add_discovery_argument, direct_node, print_found, settled

STATUS = {
    getattr(GoalStatus, f"STATUS_{name}"): name
    for name in ("UNKNOWN", "ACCEPTED", "EXECUTING", "CANCELING", "SUCCEEDED", "CANCELED", "ABORTED")
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="list | send_goal", required=True)
    listing = verbs.add_parser("list", help="output a list of action names")
    listing.add_argument("-t", "--show-types", action="store_true", help="additionally show the action type")
    listing.add_argument("-c", "--count-actions", action="store_true", help="only display the number of actions")
    add_discovery_argument(listing)
    listing.set_defaults(main=list_actions)
    send = verbs.add_parser("send_goal", help="send an action goal")
    send.add_argument("action_name", help="name of the action (e.g. '/fibonacci')")
    send.add_argument("action_type", help="type of the action (e.g. 'example_interfaces/action/Fibonacci')")
    send.add_argument("goal", nargs="?", default="{}", help="goal request values in YAML format (e.g. '{order: 10}')")
    send.add_argument("-f", "--feedback", action="store_true", help="echo feedback messages for the goal")
    send.set_defaults(main=send_goal)


def list_actions(args: argparse.Namespace) -> None:
    """Print the actions that can be seen."""
    with direct_node() as node:
        actions = settled(node, lambda: sorted(get_action_names_and_types(node)), args.spin_time)
    print_found(actions, args.count_actions, args.show_types)


def send_goal(args: argparse.Namespace) -> None:
    """Send a goal and wait for its result; an interruption cancels the goal."""
    try:
        kind = get_action(args.action_type)
    except (ValueError, ModuleNotFoundError, AttributeError) as error:
        raise CommandError(f"The passed action type is invalid: {error}") from None
    goal = kind.Goal()
    try:
        set_message_fields(goal, yaml.safe_load(args.goal) or {})
    except (yaml.YAMLError, AttributeError, TypeError, ValueError, AssertionError) as error:
        raise CommandError(f"Failed to populate message fields: {error!r}") from None
    # The goal is cancelled through the node, which a handler of rclpy would have closed by then.
    with direct_node(SignalHandlerOptions.NO) as node:
        client = ActionClient(node, kind, args.action_name)
        print("Waiting for an action server to become available...", flush=True)
        client.wait_for_server()
        print(f"Sending goal:\n     {message_to_yaml(goal)}", flush=True)
        handle = _answer(node, client.send_goal_async(goal, _show_feedback if args.feedback else None))
        if not handle.accepted:
            print("Goal was rejected.")
            return
        try:
            print(f"Goal accepted with ID: {bytes(handle.goal_id.uuid).hex()}\n", flush=True)
            result = _answer(node, handle.get_result_async())
        except KeyboardInterrupt:
            print("Canceling goal...", flush=True)
            _answer(node, handle.cancel_goal_async())
            print("Goal canceled.")
            raise
        print(f"Result:\n    {message_to_yaml(result.result)}")
        print(f"Goal finished with status: {STATUS[result.status]}")


def _answer(node: Node, future: Any) -> Any:
    while not future.done():  # an interruption does not wake who waits for messages
        rclpy.spin_until_future_complete(node, future, timeout_sec=0.1)
    if future.result() is None:
        raise CommandError(f"Exception while waiting for the action server: {future.exception()!r}")
    return future.result()


def _show_feedback(feedback: Any) -> None:
    print(f"Feedback:\n    {message_to_yaml(feedback.feedback)}", flush=True)
