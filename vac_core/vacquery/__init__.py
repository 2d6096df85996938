"""VacQuery messages as values and bytes; no socket is owned here."""
