"""Words that every layer uses.  Imports nothing of ours."""
