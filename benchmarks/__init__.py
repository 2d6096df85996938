"""What `make bench` runs: each module offers ``run()``, which yields rows of the printed table."""
