"""Benchmarks of Earwitness: each one command, which writes its figures down with the machine that they come from."""
