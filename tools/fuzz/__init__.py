"""Trials by nonsense: what must hold whatever is sent."""
