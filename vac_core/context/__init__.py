"""What a machine is given: templates, features, metadata trees, outputs."""
