"""The HTTP service for machines: features, outputs and metadata."""
