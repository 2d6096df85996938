"""``python -m vac_core`` is ``vac``."""

from vac_core.cli.main import main

if __name__ == "__main__":
    main()
