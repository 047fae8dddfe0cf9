"""`python -m counterpoint`: the command line where its script is not on the path."""

from counterpoint.cli import run

if __name__ == "__main__":
    run()
