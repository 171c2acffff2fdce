"""The desk: `python run.py` serves, `python run.py --help` tells the rest."""

if __name__ == "__main__":  # reader processes import this file again, and need nothing of it
    from bot.cli import main

    main()
