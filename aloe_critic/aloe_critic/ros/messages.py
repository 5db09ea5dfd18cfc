"""Estimates as messages."""

from array import array

from aloe_msgs.msg import QEstimate

from aloe_critic.estimates import Estimates
from aloe_data.chunk import Chunk
from aloe_data.ros.convert import ns_to_stamp


def estimate_message(estimates: Estimates, index: int, chunk: Chunk, critic_version: str) -> QEstimate:
    """The opinion `estimates[index]` about a chunk."""
    message = QEstimate(
        chunk_id=chunk.chunk_id,
        policy_version=chunk.policy_version,
        critic_version=critic_version,
        q=array("f", estimates.q[:, index].tolist()),
        value=float(estimates.value[index]),
        advantage=float(estimates.advantage[index]),
        spread=float(estimates.spread[index]),
    )
    message.header.stamp = ns_to_stamp(chunk.stamp_ns)
    return message
