"""The contract suites: what every object of each interface must keep, as tests to subclass."""
