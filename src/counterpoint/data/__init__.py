"""Rows of every format in, dilemmas and taxonomies out."""

from counterpoint.data.loading import Reading, load, read
from counterpoint.data.order import shuffle_options
from counterpoint.data.split import Splits, check_no_leak, split
from counterpoint.data.taxonomy import taxonomy

__all__ = ["Reading", "Splits", "check_no_leak", "load", "read", "shuffle_options", "split", "taxonomy"]
