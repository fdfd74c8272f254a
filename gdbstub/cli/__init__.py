"""Command lines to one configuration, and the wiring of the objects."""
