"""``python -m limner VERB ...``: the command line of this very interpreter."""

from limner.cli import main

if __name__ == "__main__":
    main()
