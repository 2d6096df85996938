"""Pages of the reference that are made from the code each time the documentation is built."""
