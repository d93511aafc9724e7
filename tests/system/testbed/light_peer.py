"""A vhost-user front-end that connects and then says nothing: hundreds of them fit in a process.

Sources: QEMU's "Vhost-user Protocol", and chapter 2.7 of the virtio specification (split rings).
"""

import array
import enum
import os
import pathlib
import socket
import struct

from .command import wait_for

_VERSION, _REPLY = 1, 4  # of the flags
_VIRTIO_F_VERSION_1 = 1 << 32
_NO_DESCRIPTOR = 1 << 8  # nobody is called: the peer would poll
_QUEUES = 2
_ENTRIES = 64
_QUEUE_BYTES = 4096  # a page: 16 * 64 of descriptors, 6 + 2 * 64 available, 6 + 8 * 64 used
_AVAILABLE, _USED = 1024, 2048  # where in it
_MEMORY = 0x10000000  # where it is, for guest and front-end alike


class _Request(enum.IntEnum):
    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    SET_MEM_TABLE = 5
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13


class Memory(enum.Enum):
    """What a peer does about the memory that the back end needs."""

    SHARED = enum.auto()
    WITHHELD = enum.auto()  # not told about, and nothing that comes after it: no driver runs
    UNMAPPABLE = enum.auto()  # told about, but not to be had
    REVOCABLE = enum.auto()  # shared, and at hand for take_memory_away()


class LightPeer:
    """Has a queue pair with empty rings. close() ends the connection, as the peer's death would."""

    def __init__(
        self, back_end: pathlib.Path | socket.socket, memory: Memory = Memory.SHARED
    ) -> None:
        """Returns when the back end has been told everything, and took it. Raises OSError.

        `back_end` is the socket that it listens on, or the connection that it has made.
        """
        self._memory = memory
        self._file = -1  # of the memory, if that is revocable
        self._socket = back_end if isinstance(back_end, socket.socket) else _unix_socket()
        try:
            self._socket.settimeout(5)
            if self._socket is not back_end:
                self._socket.connect(str(back_end))
            self._negotiate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def take_memory_away(self) -> None:
        """Whoever touches it now gets a bus error."""
        os.ftruncate(self._file, 0)

    def _negotiate(self) -> None:
        self._send(_Request.GET_FEATURES)
        features = self._receive(_Request.GET_FEATURES)
        if not features & _VIRTIO_F_VERSION_1:
            raise OSError(f"the back end offers no VIRTIO_F_VERSION_1: {features:#x}")
        self._send(_Request.SET_OWNER)
        # Without VHOST_USER_F_PROTOCOL_FEATURES rings start enabled.
        self._send(_Request.SET_FEATURES, struct.pack("=Q", _VIRTIO_F_VERSION_1))
        if self._memory != Memory.WITHHELD:
            self._share_memory()
            for queue in range(_QUEUES):
                self._start(queue)
        # An answer to this says that all before was taken.
        self._send(_Request.GET_FEATURES)
        self._receive(_Request.GET_FEATURES)

    def _share_memory(self) -> None:
        size = _QUEUES * _QUEUE_BYTES
        is_mappable = self._memory != Memory.UNMAPPABLE
        memory = os.memfd_create("guest") if is_mappable else _event()
        try:
            if is_mappable:
                os.ftruncate(memory, size)
            region = struct.pack("=QQQQ", _MEMORY, size, _MEMORY, 0)
            self._send(_Request.SET_MEM_TABLE, struct.pack("=II", 1, 0) + region, memory)
            if self._memory == Memory.REVOCABLE:
                self._file = os.dup(memory)
        finally:
            os.close(memory)

    def _start(self, queue: int) -> None:
        start = _MEMORY + queue * _QUEUE_BYTES
        addresses = (start, start + _USED, start + _AVAILABLE, 0)
        self._send(_Request.SET_VRING_NUM, struct.pack("=II", queue, _ENTRIES))
        self._send(_Request.SET_VRING_BASE, struct.pack("=II", queue, 0))
        self._send(_Request.SET_VRING_ADDR, struct.pack("=IIQQQQ", queue, 0, *addresses))
        self._send(_Request.SET_VRING_CALL, struct.pack("=Q", queue | _NO_DESCRIPTOR))
        # Without this it could not say when it sends, and would have to be polled.
        kick = _event()
        self._send(_Request.SET_VRING_KICK, struct.pack("=Q", queue), kick)
        os.close(kick)

    def _send(self, request: _Request, payload: bytes = b"", *descriptors: int) -> None:
        message = struct.pack("=III", request, _VERSION, len(payload)) + payload
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self._socket.sendmsg([message], rights if descriptors else [])

    def _receive(self, request: _Request) -> int:
        """The number in the reply to a request."""
        message = self._socket.recv(20, socket.MSG_WAITALL)
        if len(message) < 20:
            raise OSError("the back end has closed the connection")
        answered, flags, size, number = struct.unpack("=IIIQ", message)
        if (answered, flags, size) != (request, _VERSION | _REPLY, 8):
            raise OSError(f"not a reply to {request.name}: {message.hex()}")
        return int(number)


def connect_when_listened(path: pathlib.Path) -> LightPeer:
    """podwarp forwards before it has made all its sockets."""

    def connect() -> LightPeer | None:
        try:
            return LightPeer(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    return wait_for(connect, f"somebody listens on {path}")


def listen(path: pathlib.Path) -> socket.socket:
    """For a back end that connects: LightPeer(listen(path).accept()[0])."""
    listener = _unix_socket()
    listener.settimeout(20)
    listener.bind(str(path))
    listener.listen(1)
    return listener


def _unix_socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def _event() -> int:
    return int(os.eventfd(0))  # type: ignore[attr-defined]  # mypy of Debian 12 doesn't know it
