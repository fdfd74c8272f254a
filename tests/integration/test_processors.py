"""Registers of a thread that moves from processor to processor: ptrace gotcha G71."""

from __future__ import annotations

import os
import struct

from tests.support.dialogue import at_ready, finish, order
from tests.support.tracees import TraceeBuilder


def test_g71_what_a_client_writes_on_one_processor_is_there_on_the_next(build: TraceeBuilder) -> None:
    program = build("hops")
    hops = len(os.sched_getaffinity(0))
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("at_hop"))
        stop = order(stub, client, "h")
        low = 1.5
        for hop in range(hops):
            assert stop.is_breakpoint
            (seen,) = struct.unpack("<d", (client.register("xmm7") & (1 << 64) - 1).to_bytes(8, "little"))
            assert seen == low
            low += 1
            client.write_register("xmm7", int.from_bytes(struct.pack("<d", low), "little"))
            # 80 bits: the sign, 15 of exponent, the integer bit, the fraction.
            exponent, mantissa = 16383 + 2, (1 << 63) | (hop << 58)
            client.write_register("st0", exponent << 64 | mantissa)
            if hop < hops - 1:
                stop = client.cont()
        client.resume()
        stack = 4 * (1 + (hops - 1) / 32)
        assert stub.line() == f"vector {low:g} stack {stack:g}"
        client.interrupt()
        finish(stub, client)
