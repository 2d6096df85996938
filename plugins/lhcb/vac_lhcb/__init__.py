"""Machines whose job agent pulls jobs from a DIRAC task queue; still to be written."""
