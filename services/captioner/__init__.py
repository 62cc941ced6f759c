"""The captioner: audio in, a text about it out, so that a language model without ears can answer questions about it.

The embedded engine needs no large model: `frames`, `pitch`, `rhythm` and `acoustics` measure a clip, and `description`
says in plain sentences what was measured and which words Whisper made out.
"""
