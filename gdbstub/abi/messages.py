"""Socket addresses, messages with their control data, and socket options.

Layer: abi.  Used by: abi.decoder (by name, from the signatures).
Source: include/uapi/linux/{un,in,in6,netlink,if_packet}.h, include/linux/socket.h.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from gdbstub.abi.call import Call, layout_of, pointer, signed
from gdbstub.abi.kinds import Kind, Params, buffer, descriptor, length_of
from gdbstub.abi.structures import TIMEVAL, vectors
from gdbstub.abi.tables import TABLES
from gdbstub.abi.text import quote, quote_within

_ADDRESS_MAX = 128
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOL_SOCKET = 1


def address_text(data: bytes) -> str:
    """Return a socket address."""
    family = int.from_bytes(data[:2], "little")
    name = f"sa_family={TABLES['address_family'](family)}"
    if family == _AF_UNIX:
        path = data[2:]
        if not path:
            return f"{{{name}}}"
        if path[0]:
            return f"{{{name}, sun_path={quote(path.split(bytes(1))[0])}}}"
        return f"{{{name}, sun_path=@{quote(path[1:])}}}"
    if family == _AF_INET and len(data) >= 8:
        port = int.from_bytes(data[2:4], "big")
        return f'{{{name}, sin_port=htons({port}), sin_addr=inet_addr("{IPv4Address(data[4:8])}")}}'
    if family == _AF_INET6 and len(data) >= 24:
        port, flow = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
        scope = int.from_bytes(data[24:28], "little")
        return (
            f"{{{name}, sin6_port=htons({port}), sin6_flowinfo=htonl({flow}),"
            f' inet_pton(AF_INET6, "{_inet6(data[8:24])}", &sin6_addr), sin6_scope_id={scope}}}'
        )
    if family == _AF_NETLINK and len(data) >= 12:
        pid, groups = struct.unpack_from("<II", data, 4)
        return f"{{{name}, nl_pid={pid}, nl_groups={groups:08x}}}"
    return f"{{{name}, sa_data={quote(data[2:])}}}" if len(data) > 2 else f"{{{name}}}"


def _inet6(data: bytes) -> str:
    address = IPv6Address(data)
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped is not None else str(address)


def _address_at(call: Call, address: int, length: int) -> str:
    data = call.read(address, min(length, _ADDRESS_MAX)) if address and length >= 2 else b""
    return address_text(data) if len(data) >= 2 else pointer(address)


def _address(call: Call, value: int, params: Params) -> str:
    return _address_at(call, value, length_of(call, params) & 0xFFFFFFFF)


def _address_out(call: Call, value: int, params: Params) -> str:
    """An address that the call has written; another argument points to its length."""
    if not value:
        return "NULL"
    length = call.number(call.args[params[0]]) if call.args[params[0]] else None
    return pointer(value) if length is None or call.failed else _address_at(call, value, length)


def message_text(call: Call, address: int, total: int | None) -> str:
    """Return a struct msghdr; ``total`` bytes have been received, None for one that is sent."""
    values = call.unpack(address, "PI4xPLPLI" if call.wide else "PIPLPLI") if address else None
    if values is None:
        return pointer(address)
    name, name_length, vector, count, control, control_length, flags = values
    where = _address_at(call, name, name_length) if name and name_length else pointer(name)
    text = f"{{msg_name={where}, msg_namelen={name_length}, msg_iov={vectors(call, vector, count, total)}"
    text += f", msg_iovlen={count}"
    if control_length:
        text += f", msg_control={_control(call, control, control_length)}"
    text += f", msg_controllen={control_length}"
    return text + f", msg_flags={TABLES['msg'](flags)}}}"


def _control(call: Call, address: int, length: int) -> str:
    data = call.whole(address, min(length, 4096)) if address else None
    if data is None:
        return pointer(address)
    head = layout_of("Lii", call.wide)
    texts = []
    at = 0
    while at + head.size <= len(data):
        size, level, kind = head.unpack_from(data, at)
        body = data[at + head.size : at + size]
        if size < head.size:
            break
        text = f"{{cmsg_len={size}, cmsg_level={TABLES['socket_level'](level)}"
        if level == _SOL_SOCKET:
            text += f", cmsg_type={TABLES['scm'](kind)}"
            if kind == 1:
                fds = struct.unpack_from(f"<{len(body) // 4}i", body)
                text += f", cmsg_data=[{', '.join(descriptor(call, fd) for fd in fds)}]"
            elif kind == 2 and len(body) >= 12:
                pid, uid, gid = struct.unpack_from("<iII", body)
                text += f", cmsg_data={{pid={pid}, uid={uid}, gid={gid}}}"
        else:
            text += f", cmsg_type={kind:#x}"
        texts.append(text + "}")
        at += -(-size // call.word) * call.word
    return "[" + ", ".join(texts) + "]"


def _message_sent(call: Call, value: int, params: Params) -> str:
    return message_text(call, value, None)


def _message_received(call: Call, value: int, params: Params) -> str:
    return pointer(value) if call.failed else message_text(call, value, max(0, call.result))


def _messages(call: Call, value: int, params: Params, *, received: bool) -> str:
    size = 64 if call.wide else 32
    count = max(0, call.result)
    texts = []
    for index in range(min(count, call.style.limit)):
        at = value + index * size
        length = call.number(at + size - call.word) or 0
        body = message_text(call, at, length if received else None)
        texts.append(f"{{msg_hdr={body}, msg_len={length}}}")
    return "[" + ", ".join(texts) + "]" if value else "NULL"


_OPTIONS = {1: "so", 0: "ip_option", 6: "tcp_option", 41: "ipv6_option", 270: "netlink_option"}


def _option_name(call: Call, value: int, params: Params) -> str:
    table = _OPTIONS.get(signed(call.args[1], 32))
    number = value & 0xFFFFFFFF
    return TABLES[table](number) if table is not None else f"{number:#x}" if number else "0"


def _option(call: Call, address: int, length: int) -> str:
    if not address:
        return "NULL"
    level, name = signed(call.args[1], 32), signed(call.args[2], 32)
    if level == _SOL_SOCKET:
        if name == 13 and length >= 8:
            values = call.unpack(address, "ii")
            if values is not None:
                return f"{{l_onoff={values[0]}, l_linger={values[1]}}}"
        if name == 17 and length >= 12:
            values = call.unpack(address, "iII")
            if values is not None:
                return f"{{pid={values[0]}, uid={values[1]}, gid={values[2]}}}"
        if name in (20, 21) and length >= 2 * call.word:
            return TIMEVAL.at(call, address)
        if name == 38 and length == 4:
            protocol = call.number(address)
            return pointer(address) if protocol is None else f"[{TABLES['ip_protocol'](protocol)}]"
        if name == 39 and length == 4:
            family = call.number(address)
            return pointer(address) if family is None else f"[{TABLES['address_family'](family)}]"
        if name == 4 and length == 4:
            from gdbstub.abi import errors

            error = call.number(address)
            return pointer(address) if error is None else f"[{errors.name_of(error) if error else 0}]"
    if length == 4:
        number = call.number(address, 4, signed=True)
        return pointer(address) if number is None else f"[{number}]"
    return buffer(call, address, length)


def _option_in(call: Call, value: int, params: Params) -> str:
    return _option(call, value, length_of(call, params) & 0xFFFFFFFF)


def _option_out(call: Call, value: int, params: Params) -> str:
    if call.failed:
        return pointer(value)
    length = call.number(call.args[params[0]]) if call.args[params[0]] else None
    return pointer(value) if length is None else _option(call, value, length)


def _protocol(call: Call, value: int, params: Params) -> str:
    family, number = signed(call.args[0], 32), value & 0xFFFFFFFF
    if family in (_AF_INET, _AF_INET6):
        return TABLES["ip_protocol"](number)
    if family == _AF_NETLINK:
        return TABLES["netlink_protocol"](number)
    return str(number)


def _received(call: Call, value: int, params: Params) -> str:
    data = call.read(value, min(max(0, call.result), call.style.limit)) if value else b""
    return quote_within(data, call.style.limit, more=call.result > len(data)) if value else "NULL"


KINDS: dict[str, Kind] = {
    "sockaddr": _address,
    "sockaddr_out": _address_out,
    "msghdr": _message_sent,
    "msghdr_in": _message_received,
    "mmsghdr": lambda call, value, params: _messages(call, value, params, received=False),
    "mmsghdr_in": lambda call, value, params: _messages(call, value, params, received=True),
    "sockopt": _option_name,
    "optval": _option_in,
    "optval_out": _option_out,
    "protocol": _protocol,
    "received": _received,
}
