"""What every node of a launch finds in its environment: its bond to the launch, its session, the network it may use."""

from aloe_data.launch_bond import bond
from aloe_data.rig import Rig
from aloe_data.session import session_environment
from aloe_data.transport import network_environment


def node_environment(rig: Rig) -> dict[str, str]:
    """Begin the session of this launch; returns the environment variables of its nodes, for `additional_env`.

    Args:
        rig: Rig that the nodes serve.

    Raises:
        TransportError: The network that the rig file asks for cannot be opened.
        SessionError: Another launch drives in this ROS domain.
    """
    network = network_environment(rig.network)
    return bond() | session_environment() | network
