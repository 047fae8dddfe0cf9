"""Scorers: a sentence encoder and (later) causal language models."""
