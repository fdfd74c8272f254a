"""Handlers: one file for each family of packets, mirroring ``rsp.commands``."""


def load() -> None:
    """Import every family, which enters its handlers."""
    from gdbstub.engines.gdbremote.handlers import (  # noqa: F401  (imported for their registration)
        allocation,
        batches,
        branches,
        breakpoints,
        compression,
        console,
        features,
        hostio,
        information,
        lifecycle,
        logs,
        memory,
        modules,
        platform,
        probes,
        regions,
        registers,
        resume,
        signals,
        startup,
        threadevents,
        threadinfo,
        threads,
        tls,
        tracepoints,
        tracing,
        xfer,
    )
