"""The recent past of one stream as a message filter."""

from collections.abc import Callable
from typing import Any

import message_filters

from aloe_data.codecs import CodecError


class StreamCache(message_filters.SimpleFilter):
    """Keeps the good messages of its input in the order of their stamps, and passes them on.

    `message_filters.Cache` keeps messages in the order of their arrival, whatever they hold, and synchronisers pass on
    sets of messages that lie near each other. A policy looks at the newest sample of every stream that is not newer
    than a common time, live and from bags alike: that is `StreamBuffer`, into which `take` puts what arrives.

    Args:
        source: Filter whose messages are taken, as a `message_filters.Subscriber`.
        take: Puts a message where it is kept; raises CodecError where it cannot be used.
        is_foreign: Tells of a message that is another device's, which uses the same topic. Such are passed over once
            a good one was heard; before, they tell what the topic holds instead.

    Attributes:
        refusal: Why the newest message was refused; "" where it was good.
    """

    def __init__(
        self,
        source: message_filters.SimpleFilter,
        take: Callable[[Any], object],
        is_foreign: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        super().__init__()
        self.refusal = ""
        self._take = take
        self._is_foreign = is_foreign
        self._heard = False
        source.registerCallback(self.add)

    def add(self, message: Any) -> None:
        """Take a message of the input."""
        if self._heard and self._is_foreign(message):
            return
        try:
            self._take(message)
        except CodecError as error:
            self.refusal = str(error)
            return
        self.refusal = ""
        self._heard = True
        self.signalMessage(message)
