"""Pure decisions: what to start, what to stop, and why."""
