"""The daemon: observe, decide, act; journal; reconcile; serve."""
