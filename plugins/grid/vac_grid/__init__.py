"""What grid sites need beside machines; still to be written."""
