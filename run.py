"""The desk: `python run.py` serves, `python run.py --help` tells the rest."""

from bot.cli import main

if __name__ == "__main__":
    main()
