"""Counterpoint aligns language models with one person at a time; `counterpoint --help` shows what it does."""

__version__ = "0.1.0"
