"""Metrics, honest statistics, comparisons and their report."""
