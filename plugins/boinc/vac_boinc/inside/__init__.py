"""What runs inside a machine whose job agent is BOINC's own client; it needs Python 3.10 and its standard library."""
