"""Calling services of other nodes from a thread of one's own, with time limits and answers that name the node."""

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.client import Client

_POLL_S = 0.05


class CallError(RuntimeError):
    """A service that is not there, does not answer or refuses; the message says whose it is and what to do."""


class NoAnswerError(CallError):
    """A service that was asked and has not answered: it may do, or have done, what it was asked for all the same."""


class ServiceCalls:
    """Blocking calls that never hang: a dead node costs at most the timeout, and `hurry` makes all timeouts short.

    Args:
        hurried_timeout_s: Limit for every call from `hurry` on [s].
        while_waiting: Called again and again by the thread that waits: it is alive, and may say so.
    """

    def __init__(self, hurried_timeout_s: float = 1.0, while_waiting: Callable[[], None] = lambda: None) -> None:
        self._while_waiting = while_waiting
        self._hurried = threading.Event()
        self._hurried_timeout_s = hurried_timeout_s

    def hurry(self) -> None:
        """From now on nobody is waited for long, calls under way included."""
        self._hurried.set()

    def call(self, client: Client, request: Any, owner: str, timeout_s: float) -> Any:
        """Call and wait.

        Args:
            client: Client of the service.
            request: Request to send.
            owner: Name of the node that offers the service, for the message.
            timeout_s: Limit for the node to appear and to answer [s].

        Raises:
            CallError: no service in time, or an answer with success false.
            NoAnswerError: no answer in time.
        """
        deadline = time.monotonic() + timeout_s
        if not self._wait(client.service_is_ready, deadline):
            raise CallError(f"no service {client.srv_name} within {timeout_s:g} s; is {owner} running?")
        future = client.call_async(request)
        if not self._wait(future.done, deadline):
            client.remove_pending_request(future)
            raise NoAnswerError(f"{client.srv_name} did not answer within {timeout_s:g} s; does {owner} still run?")
        answer = future.result()
        if not answer.success:
            raise CallError(answer.message or f"{client.srv_name} refused without a reason; see the log of {owner}")
        return answer

    def _wait(self, condition: Any, deadline: float) -> bool:
        hurried_deadline = None
        while not condition():
            now = time.monotonic()
            if self._hurried.is_set() and hurried_deadline is None:
                hurried_deadline = now + self._hurried_timeout_s
            if now >= deadline or (hurried_deadline is not None and now >= hurried_deadline):
                return False
            self._while_waiting()
            time.sleep(_POLL_S / 5)
        return True
