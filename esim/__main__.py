"""`python -m esim`: the command line."""

from esim.cli import main

if __name__ == "__main__":
    main()
