"""A support desk that lives in e-mail."""

__version__ = "1.0.0"
