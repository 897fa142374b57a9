"""``python -m imgrestore`` is the same as ``imgrestore``."""

from imgrestore.cli.app import main

if __name__ == "__main__":
    main()
