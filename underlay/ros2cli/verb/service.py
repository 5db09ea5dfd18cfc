"""Various service related sub-commands."""

from __future__ import annotations

import argparse

import rclpy
import yaml
from rosidl_runtime_py import set_message_fields
from rosidl_runtime_py.utilities import get_service

from ros2cli.node import CommandError, add_discovery_argument, direct_node, is_hidden, print_found, settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="list | call", required=True)
    listing = verbs.add_parser("list", help="output a list of available services")
    listing.add_argument("-t", "--show-types", action="store_true", help="additionally show the service type")
    listing.add_argument("-c", "--count-services", action="store_true", help="only display the number of services")
    add_discovery_argument(listing)
    call = verbs.add_parser("call", help="call a service")
    call.add_argument("service_name", help="name of the service to call to (e.g. '/set_bool')")
    call.add_argument("service_type", help="type of the service (e.g. 'std_srvs/srv/SetBool')")
    call.add_argument("values", nargs="?", default="{}", help="values to fill the request with in YAML format")
    listing.set_defaults(main=list_services)
    call.set_defaults(main=lambda args: call_service(args.service_name, args.service_type, args.values))


def list_services(args: argparse.Namespace) -> None:
    """Print the services that can be seen."""
    with direct_node() as node:
        services = settled(node, lambda: sorted(node.get_service_names_and_types()), args.spin_time)
    services = [(name, types) for name, types in services if not is_hidden(name)]
    print_found(services, args.count_services, args.show_types)


def call_service(name: str, type_name: str, values: str) -> None:
    """Call a service, waiting for it for as long as it takes, and print request and response."""
    try:
        kind = get_service(type_name)
    except (ValueError, ModuleNotFoundError, AttributeError) as error:
        raise CommandError(f"The passed service type is invalid: {error}") from None
    request = kind.Request()
    try:
        set_message_fields(request, yaml.safe_load(values) or {})
    except (yaml.YAMLError, AttributeError, TypeError, ValueError, AssertionError) as error:
        raise CommandError(f"Failed to populate field: {error}") from None
    with direct_node() as node:
        client = node.create_client(kind, name)
        if not client.service_is_ready():
            print("waiting for service to become available...", flush=True)
            client.wait_for_service()
        print(f"requester: making request: {request!r}\n", flush=True)
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future)
        if future.result() is None:
            raise CommandError(f"Exception while calling service of type '{type_name}': {future.exception()!r}")
        print(f"response:\n{future.result()!r}\n", flush=True)
