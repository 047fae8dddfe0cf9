"""Rows of every format in, dilemmas and taxonomies out."""
