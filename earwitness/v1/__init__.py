"""Stubs that `make proto` generates from `proto/earwitness/v1`; never edited by hand."""
