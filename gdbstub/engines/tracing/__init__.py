"""Tracepoints: an engine of its own, which collects while the program runs on."""
