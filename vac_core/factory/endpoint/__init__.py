"""VacQuery over UDP on asyncio: the `Responder` that answers, and `query` that asks.

The protocol itself is in `vac_core.vacquery`, which owns no socket.
"""

from vac_core.factory.endpoint.asking import Manner, Replies, query
from vac_core.factory.endpoint.limits import Limits
from vac_core.factory.endpoint.names import AddressBook
from vac_core.factory.endpoint.responder import Responder, Rules
from vac_core.factory.endpoint.sockets import plain_address

__all__ = ["AddressBook", "Limits", "Manner", "Replies", "Responder", "Rules", "plain_address", "query"]
