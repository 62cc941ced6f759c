"""The trainer: makes the targets of self-distillation, trains the connector on them, and exports the audio model.

A job, not a server. What it trains on is a manifest: one `Sample` a row, a clip with what is known of it in words.
"""
