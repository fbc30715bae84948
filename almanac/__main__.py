"""`python -m almanac`: the command line of the folder one stands in, whatever is installed elsewhere."""

from almanac.cli import main

if __name__ == "__main__":
    main()
