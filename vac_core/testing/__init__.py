"""For plugin authors: fakes that keep their promises, and one contract suite for each interface."""
