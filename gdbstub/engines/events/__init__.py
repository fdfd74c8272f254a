"""What happens to a process, as a stream: an engine that never stops anything."""
