"""Machines through apptainer; still to be written."""
