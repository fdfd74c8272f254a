"""ioctl requests: their names, and what the common ones point to.

Layer: abi.  Used by: abi.variants.  Source: include/uapi/asm-generic/{ioctl,ioctls}.h, linux/{fs,sockios,tty}.h.
"""

from __future__ import annotations

from gdbstub.abi.call import Call, pointer
from gdbstub.abi.flags import Choices, Flags
from gdbstub.abi.kinds import Kind, Params

_NAMES = Choices(
    "TCGETS 0x5401 TCSETS 0x5402 TCSETSW 0x5403 TCSETSF 0x5404 TCGETA 0x5405 TCSETA 0x5406 TCSETAW 0x5407"
    " TCSETAF 0x5408"
    " TCSBRK 0x5409 TCXONC 0x540a TCFLSH 0x540b TIOCEXCL 0x540c TIOCNXCL 0x540d TIOCSCTTY 0x540e TIOCGPGRP 0x540f"
    " TIOCSPGRP 0x5410 TIOCOUTQ 0x5411 TIOCSTI 0x5412 TIOCGWINSZ 0x5413 TIOCSWINSZ 0x5414 TIOCMGET 0x5415"
    " TIOCMBIS 0x5416"
    " TIOCMBIC 0x5417 TIOCMSET 0x5418 FIONREAD 0x541b TIOCLINUX 0x541c TIOCCONS 0x541d TIOCPKT 0x5420 FIONBIO 0x5421"
    " TIOCNOTTY 0x5422 TIOCSETD 0x5423 TIOCGETD 0x5424 TCSBRKP 0x5425 TIOCGSID 0x5429 TCGETS2 0x802c542a"
    " TCSETS2 0x402c542b"
    " TCSETSW2 0x402c542c TCSETSF2 0x402c542d TIOCGPTN 0x80045430 TIOCSPTLCK 0x40045431 TIOCGDEV 0x80045432"
    " TIOCGPTPEER 0x5441 FIONCLEX 0x5450 FIOCLEX 0x5451 FIOASYNC 0x5452 FIOQSIZE 0x5460 SIOCGIFNAME 0x8910"
    " SIOCGIFCONF 0x8912 SIOCGIFFLAGS 0x8913 SIOCSIFFLAGS 0x8914 SIOCGIFADDR 0x8915 SIOCGIFNETMASK 0x891b"
    " SIOCGIFMTU 0x8921 SIOCGIFHWADDR 0x8927 SIOCGIFINDEX 0x8933 SIOCETHTOOL 0x8946 BLKGETSIZE 0x1260 BLKSSZGET"
    " 0x1268"
    " BLKGETSIZE64 0x80081272 BLKRRPART 0x125f BLKFLSBUF 0x1261 FS_IOC_GETFLAGS 0x80086601 FS_IOC_SETFLAGS 0x40086602"
    " FS_IOC_FIEMAP 0xc020660b FICLONE 0x40049409 FICLONERANGE 0x4020940d FIDEDUPERANGE 0xc0189436 FITRIM 0xc0185879"
    " FIFREEZE 0xc0045877 FITHAW 0xc0045878 NS_GET_USERNS 0xb701 NS_GET_PARENT 0xb702 NS_GET_NSTYPE 0xb703"
    " FS_IOC_FSGETXATTR 0x801c581f"
)
_FICLONE, _FICLONERANGE = 0x40049409, 0x4020940D

#: Where drivers have given one number to two requests, both are told.
_SHARED = {
    _FICLONE: "BTRFS_IOC_CLONE or FICLONE",
    _FICLONERANGE: "BTRFS_IOC_CLONE_RANGE or FICLONERANGE",
    0x5401: "TCGETS",
    0x5402: "SNDCTL_TMR_START or TCSETS",
    0x5403: "SNDCTL_TMR_STOP or TCSETSW",
    0x5404: "SNDCTL_TMR_CONTINUE or TCSETSF",
}

_DIRECTIONS = {0: "_IOC_NONE", 1: "_IOC_WRITE", 2: "_IOC_READ", 3: "_IOC_READ|_IOC_WRITE"}


def request_text(request: int) -> str:
    """Return the name of a request, or how it is made up."""
    request &= 0xFFFFFFFF
    name = _SHARED.get(request) or _NAMES.names.get(request)
    if name is not None:
        return name
    direction, size = request >> 30, request >> 16 & 0x3FFF
    kind, number = request >> 8 & 0xFF, request & 0xFF
    return f"_IOC({_DIRECTIONS[direction]}, {_hex(kind)}, {_hex(number)}, {_hex(size)})"


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _request(call: Call, value: int, params: Params) -> str:
    return request_text(value)


#: What a request's argument is, as a signature has it; others are plain numbers.
ARGUMENTS = {
    0x5401: ">termios", 0x5402: "termios", 0x5403: "termios", 0x5404: "termios",
    0x540F: ">*d", 0x5410: "*d", 0x5411: ">*d", 0x5413: ">winsize", 0x5414: "winsize",
    0x541B: ">*d", 0x5421: "*d", 0x5429: ">*d", 0x5452: "*d", 0x80045430: ">*d", 0x40045431: "*d",
    0x540E: "d", 0x540B: "tcflush", 0x5409: "d", 0x5451: "", 0x5450: "", 0x540C: "", 0x540D: "", 0x5422: "",
    0x1268: ">*d", 0x80081272: ">*ld64", _FICLONE: "fd",
}  # fmt: skip

_IFLAGS = Flags(
    "IGNBRK 1 BRKINT 2 IGNPAR 4 PARMRK 8 INPCK 0x10 ISTRIP 0x20 INLCR 0x40 IGNCR 0x80 ICRNL 0x100 IUCLC 0x200"
    " IXON 0x400"
    " IXANY 0x800 IXOFF 0x1000 IMAXBEL 0x2000 IUTF8 0x4000"
)
_OFLAGS = Flags("OPOST 1 OLCUC 2 ONLCR 4 OCRNL 8 ONOCR 0x10 ONLRET 0x20 OFILL 0x40 OFDEL 0x80")
_DELAYS = (
    ("NL", 0x100, 8), ("CR", 0x600, 9), ("TAB", 0x1800, 11), ("BS", 0x2000, 13), ("VT", 0x4000, 14),
    ("FF", 0x8000, 15),
)  # fmt: skip
_CFLAGS = Flags("CSTOPB 0x40 CREAD 0x80 PARENB 0x100 PARODD 0x200 HUPCL 0x400 CLOCAL 0x800 CRTSCTS 0x80000000")
_SPEEDS = Choices(
    "B0 0 B50 1 B75 2 B110 3 B134 4 B150 5 B200 6 B300 7 B600 8 B1200 9 B1800 10 B2400 11 B4800 12 B9600 13 B19200 14"
    " B38400 15 BOTHER 0x1000 B57600 0x1001 B115200 0x1002 B230400 0x1003 B460800 0x1004 B921600 0x1007"
)
_LFLAGS = Flags(
    "ISIG 1 ICANON 2 XCASE 4 ECHO 8 ECHOE 0x10 ECHOK 0x20 ECHONL 0x40 NOFLSH 0x80 IEXTEN 0x8000 ECHOCTL 0x200"
    " ECHOPRT 0x400 ECHOKE 0x800 FLUSHO 0x1000 PENDIN 0x4000 TOSTOP 0x100 EXTPROC 0x10000"
)


def _termios(call: Call, value: int, params: Params) -> str:
    data = call.whole(value, 36) if value else None
    if data is None:
        return pointer(value)
    iflag, oflag, cflag, lflag = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4, 8, 12))
    delays = 0
    words = []
    for name, mask, shift in _DELAYS:
        delays |= mask
        words.append(f"{name}{(oflag & mask) >> shift}")
    post = oflag & ~delays
    output = "|".join([*words, _OFLAGS(post)] if post else words)
    speed, size = cflag & 0x100F, cflag & 0x30
    rest = cflag & ~0x103F
    control = "|".join([_SPEEDS(speed), f"CS{5 + (size >> 4)}", *([_CFLAGS(rest)] if rest else [])])
    text = f"{{c_iflag={_IFLAGS(iflag)}, c_oflag={output}, c_cflag={control}, c_lflag={_LFLAGS(lflag)}, "
    if not call.style.verbose:
        return text + "...}"
    keys = "".join(f"\\x{byte:02x}" for byte in data[17:36])
    return text + f'c_line={data[16]}, c_cc="{keys}"}}'


def _window_size(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "HHHH") if value else None
    if values is None:
        return pointer(value)
    names = ("ws_row", "ws_col", "ws_xpixel", "ws_ypixel")
    return "{" + ", ".join(f"{name}={number}" for name, number in zip(names, values, strict=True)) + "}"


_FLUSHES = Choices("TCIFLUSH 0 TCOFLUSH 1 TCIOFLUSH 2", "TC?FLUSH")


KINDS: dict[str, Kind] = {
    "ioctl": _request,
    "termios": _termios,
    "winsize": _window_size,
    "tcflush": lambda call, value, params: _FLUSHES(value & 0xFFFFFFFF),
}
