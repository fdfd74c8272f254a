"""What calls tell about files: stat in its forms, and file systems.

Layer: abi.  Used by: abi.decoder (by name, from the signatures).
Source: arch/x86/include/uapi/asm/stat.h, include/uapi/linux/stat.h, include/uapi/asm-generic/statfs.h.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.abi.call import Call, octal, pointer
from gdbstub.abi.kinds import Kind, Params
from gdbstub.abi.structures import date_text
from gdbstub.abi.tables import TABLES

_S_IFMT = 0o170000
_DEVICES = (0o020000, 0o060000)
_MODE_BITS = ((0o4000, "S_ISUID"), (0o2000, "S_ISGID"), (0o1000, "S_ISVTX"))


def mode_text(mode: int) -> str:
    """Return a file's type and permissions."""
    words = []
    if mode & _S_IFMT:
        words.append(TABLES["file_type"](mode & _S_IFMT))
    for bit, name in _MODE_BITS:
        if mode & bit:
            words.append(name)
    return "|".join([*words, octal(mode & 0o777)])


def device_text(device: int) -> str:
    """Return a device number's two halves."""
    major = (device >> 8) & 0xFFF | (device >> 32) & ~0xFFF
    minor = device & 0xFF | (device >> 12) & ~0xFF
    return _make(major, minor & 0xFFFFFFFF)


def _make(major: int, minor: int) -> str:
    return f"makedev({f'{major:#x}' if major else 0}, {f'{minor:#x}' if minor else 0})"


class _Stat(NamedTuple):
    dev: int
    ino: int
    mode: int
    nlink: int
    uid: int
    gid: int
    rdev: int
    size: int
    blksize: int
    blocks: int
    times: tuple[int, ...]


def _read_64(call: Call, address: int) -> _Stat | None:
    values = call.unpack(address, "QQQIII4xQqqqqQqQqQ24x")
    if values is None:
        return None
    dev, ino, nlink, mode, uid, gid, rdev, size, blksize, blocks, *times = values
    return _Stat(dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, tuple(times))


def _read_stat64(call: Call, address: int) -> _Stat | None:
    """The 32-bit interface's struct stat64."""
    if call.wide:
        return _read_64(call, address)
    values = call.unpack(address, "Q4xIIIIIQ4xqIQiIiIiIQ")
    if values is None:
        return None
    dev, _low, mode, nlink, uid, gid, rdev, size, blksize, blocks, *rest = values
    return _Stat(dev, rest[6], mode, nlink, uid, gid, rdev, size, blksize, blocks, tuple(rest[:6]))


def _stat_kind(read: object) -> Kind:
    reader = _read_stat64 if read == "stat64" else _read_64

    def kind(call: Call, value: int, params: Params) -> str:
        found = reader(call, value) if value else None
        if found is None:
            return pointer(value)
        special = found.mode & _S_IFMT in _DEVICES
        size = f"st_rdev={device_text(found.rdev)}" if special else f"st_size={found.size}"
        if not call.style.verbose:
            return f"{{st_mode={mode_text(found.mode)}, {size}, ...}}"
        fields = [
            f"st_dev={device_text(found.dev)}",
            f"st_ino={found.ino}",
            f"st_mode={mode_text(found.mode)}",
            f"st_nlink={found.nlink}",
            f"st_uid={found.uid}",
            f"st_gid={found.gid}",
            f"st_blksize={found.blksize}",
            f"st_blocks={found.blocks}",
            size,
        ]
        for place, name in enumerate(("st_atime", "st_mtime", "st_ctime")):
            seconds, nanoseconds = found.times[2 * place : 2 * place + 2]
            date = date_text(seconds, nanoseconds)
            fields.append(f"{name}={seconds}" + (f" /* {date} */" if date else ""))
            fields.append(f"{name}_nsec={nanoseconds}")
        return "{" + ", ".join(fields) + "}"

    return kind


_STATX = "IIQIIIH2xQQQQ" + "qI4x" * 4 + "IIIIQ"


def _statx(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, _STATX) if value else None
    if values is None:
        return pointer(value)
    mask, blksize, attributes, nlink, uid, gid, mode, ino, size, blocks, supported, *rest = values
    table = TABLES["statx_attributes"]
    head = f"{{stx_mask={TABLES['statx_mask'](mask)}"
    if not call.style.verbose:
        return f"{head}, stx_attributes={table(attributes)}, stx_mode={mode_text(mode)}, stx_size={size}, ...}}"
    fields = [
        head,
        f"stx_blksize={blksize}",
        f"stx_attributes={table(attributes)}",
        f"stx_nlink={nlink}",
        f"stx_uid={uid}",
        f"stx_gid={gid}",
        f"stx_mode={mode_text(mode)}",
        f"stx_ino={ino}",
        f"stx_size={size}",
        f"stx_blocks={blocks}",
        f"stx_attributes_mask={table(supported)}",
    ]
    for place, name in enumerate(("atime", "btime", "ctime", "mtime")):
        seconds, nanoseconds = rest[2 * place : 2 * place + 2]
        date = date_text(seconds, nanoseconds)
        comment = f" /* {date} */" if date and (seconds or nanoseconds) else ""
        fields.append(f"stx_{name}={{tv_sec={seconds}, tv_nsec={nanoseconds}}}{comment}")
    rdev_major, rdev_minor, dev_major, dev_minor, mount = rest[8:]
    fields += [f"stx_rdev_major={rdev_major}", f"stx_rdev_minor={rdev_minor}"]
    fields += [f"stx_dev_major={dev_major}", f"stx_dev_minor={dev_minor}", f"stx_mnt_id={mount:#x}"]
    return ", ".join(fields) + "}"


_STATFS_64 = "qqQQQQQiiqqq"
_STATFS_32 = "IIIIIIIiiIII"
_STATFS64_32 = "IIQQQQQiiIII"


def _statfs_kind(narrow: str) -> Kind:
    def kind(call: Call, value: int, params: Params) -> str:
        values = call.unpack(value, _STATFS_64 if call.wide else narrow) if value else None
        if values is None:
            return pointer(value)
        magic, bsize, blocks, free, available, files, ffree, id0, id1, namelen, frsize, flags = values
        word = f"{{val=[{_hex(id0)}, {_hex(id1)}]}}"
        return (
            f"{{f_type={TABLES['fsmagic'](magic)}, f_bsize={bsize}, f_blocks={blocks}, f_bfree={free},"
            f" f_bavail={available}, f_files={files}, f_ffree={ffree}, f_fsid={word}, f_namelen={namelen},"
            f" f_frsize={frsize}, f_flags={TABLES['statfs'](flags)}}}"
        )

    return kind


def _hex(value: int) -> str:
    value &= 0xFFFFFFFF
    return f"{value:#x}" if value else "0"


def _mode(call: Call, value: int, params: Params) -> str:
    return mode_text(value & 0xFFFF)


def _device(call: Call, value: int, params: Params) -> str:
    return device_text(value & 0xFFFFFFFF)


KINDS: dict[str, Kind] = {
    "stat": _stat_kind("stat"),
    "stat64": _stat_kind("stat64"),
    "statx": _statx,
    "statfs": _statfs_kind(_STATFS_32),
    "statfs64": _statfs_kind(_STATFS64_32),
    "file_mode": _mode,
    "dev": _device,
}
