"""The engine that logs the system calls of processes, and holds nothing."""
