"""ICMP errors about what a UDP socket has sent, as Linux tells them: ip(7), IP_RECVERR."""

import select
import socket
import struct
from dataclasses import dataclass

from .command import PATIENCE_SECONDS

_IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE, _IP_RECVERR = 10, 3, 11
_ERROR = struct.Struct("=IBBBBII")  # sock_extended_err: errno, origin, type, code, -, info, data
_ADDRESS = struct.Struct("!HH4s")  # sockaddr_in: family, port, address


@dataclass(frozen=True)
class IcmpError:
    kind: int
    code: int
    reporter: str
    info: int  # the next hop's MTU, if it says one
    about: tuple[str, int]  # to whom the packet went that it quotes


def tell_errors(end: socket.socket) -> None:
    """From now on; packets aren't to be fragmented, and may be larger than a known path's MTU."""
    end.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    end.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)


def next_error(end: socket.socket) -> IcmpError:
    """Waits for it. It belongs to this socket, or Linux wouldn't have found it."""
    poll = select.poll()
    poll.register(end, 0)  # POLLERR is always told
    if not poll.poll(1000 * PATIENCE_SECONDS):
        raise TimeoutError(f"no ICMP error within {PATIENCE_SECONDS} s")
    _, messages, _, about = end.recvmsg(1 << 16, 512, socket.MSG_ERRQUEUE)
    data = next(data for level, kind, data in messages if (level, kind) == (0, _IP_RECVERR))
    _, _, kind, code, _, info, _ = _ERROR.unpack_from(data)
    reporter = socket.inet_ntoa(_ADDRESS.unpack_from(data, _ERROR.size)[2])
    return IcmpError(kind, code, reporter, info, about)
