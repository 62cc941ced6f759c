"""Trials by fault: what must hold when processes die at random moments."""
