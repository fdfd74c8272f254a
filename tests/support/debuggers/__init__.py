"""Real debuggers, driven by facts: a driver that runs inside, a session that runs it."""
