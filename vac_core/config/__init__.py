"""Site files and vacuum pipes become values here; every error knows its place and its mend."""
