"""A support desk that lives in e-mail."""

__version__ = "1.1.0.dev0"
