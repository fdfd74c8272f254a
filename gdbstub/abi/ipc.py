"""System V shared memory, messages and semaphores.

Layer: abi.  Used by: abi.decoder (by name, from the signatures).
Source: include/uapi/linux/{ipc,shm,msg,sem}.h, asm-generic/{ipcbuf,shmbuf,msgbuf,sembuf}.h; svipc(7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.abi.call import Call, octal, pointer, signed
from gdbstub.abi.kinds import Kind, Params, length_of
from gdbstub.abi.tables import TABLES
from gdbstub.abi.text import quote_within

_MODE = 0o777
#: struct sembuf, bytes.
_SEMBUF = 6

#: struct ipc64_perm of a 64-bit program: key, uid, gid, cuid, cgid, mode, and what nobody looks at.
_PERM = "iIIIII24x"
_SEGMENT = "QqqqiiQ"
_QUEUE = "qqqQQQii"
_SEMAPHORES = "q8xq8xQ"


def _key(call: Call, value: int, params: Params) -> str:
    key = value & 0xFFFFFFFF
    return f"{key:#x}" if key else "IPC_PRIVATE"


def _flags(table: str) -> Kind:
    def kind(call: Call, value: int, params: Params) -> str:
        flags, mode = value & 0xFFFFFFFF & ~_MODE, octal(value & _MODE)
        return f"{TABLES[table](flags)}|{mode}" if flags else mode

    return kind


def _permissions(values: Sequence[int], *, asked: bool) -> str:
    """Return struct ipc_perm; what is asked for has fewer members than what there is."""
    key, uid, gid, cuid, cgid, mode = values[:6]
    found = "" if asked else f", key={key}, cuid={cuid}, cgid={cgid}"
    return f"{{uid={uid}, gid={gid}, mode={octal(mode)}{found}}}"


def _state(layout: str, asked: bool, members: Callable[[str, Sequence[int]], str]) -> Kind:
    """Return the kind of what IPC_STAT gives or IPC_SET takes: permissions, and members behind them."""

    def kind(call: Call, value: int, params: Params) -> str:
        values = call.unpack(value, _PERM + layout) if call.wide else None
        return pointer(value) if values is None else f"{{{members(_permissions(values, asked=asked), values[6:])}}}"

    return kind


def _segment(permissions: str, values: Sequence[int]) -> str:
    size, attached, detached, changed, creator, last, count = values
    return (
        f"shm_perm={permissions}, shm_segsz={size}, shm_cpid={creator}, shm_lpid={last},"
        f" shm_nattch={count}, shm_atime={attached}, shm_dtime={detached}, shm_ctime={changed}"
    )


def _queue(permissions: str, values: Sequence[int]) -> str:
    sent, received, changed, _, count, most, sender, receiver = values
    return (
        f"msg_perm={permissions}, msg_stime={sent}, msg_rtime={received}, msg_ctime={changed},"
        f" msg_qnum={count}, msg_qbytes={most}, msg_lspid={sender}, msg_lrpid={receiver}"
    )


def _semaphores(permissions: str, values: Sequence[int]) -> str:
    operated, changed, count = values
    return f"sem_perm={permissions}, sem_otime={operated}, sem_ctime={changed}, sem_nsems={count}"


def _message(call: Call, value: int, params: Params) -> str:
    length = length_of(call, params)
    word = 8 if call.wide else 4
    limit = call.style.limit
    data = call.whole(value, word + min(length, limit + 1)) if value else None
    if data is None:
        return pointer(value)
    kind = int.from_bytes(data[:word], "little", signed=True)
    return f"{{mtype={kind}, mtext={quote_within(data[word:], limit, more=length > limit + 1)}}}"


def _operations(call: Call, value: int, params: Params) -> str:
    count = length_of(call, params)
    shown = count if call.style.verbose else min(count, call.style.limit)
    data = call.whole(value, shown * _SEMBUF) if value and count <= 1 << 16 else None
    if data is None:
        return pointer(value)
    texts = []
    for at in range(0, len(data), _SEMBUF):
        number, operation, flags = (int.from_bytes(data[at + n : at + n + 2], "little") for n in (0, 2, 4))
        shown_flags = TABLES["semop"](flags)
        texts.append(f"{{sem_num={number}, sem_op={signed(operation, 16)}, sem_flg={shown_flags}}}")
    return "[" + ", ".join(texts + ["..."] * (shown < count)) + "]"


KINDS: dict[str, Kind] = {
    "ipc_key": _key,
    "shm_flags": _flags("shmget"),
    "ipc_flags": _flags("ipc_get"),
    "shmid_ds": _state(_SEGMENT, False, _segment),
    "shmid_ds_asked": _state(_SEGMENT, True, lambda permissions, values: f"shm_perm={permissions}"),
    "msqid_ds": _state(_QUEUE, False, _queue),
    "msqid_ds_asked": _state(
        _QUEUE, True, lambda permissions, values: f"msg_perm={permissions}, msg_qbytes={values[5]}"
    ),
    "semid_ds": _state(_SEMAPHORES, False, _semaphores),
    "semid_ds_asked": _state(_SEMAPHORES, True, lambda permissions, values: f"sem_perm={permissions}"),
    "message": _message,
    "sembufs": _operations,
}
