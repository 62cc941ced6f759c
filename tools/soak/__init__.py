"""Trials by size: what must stay flat when there is much of everything."""
