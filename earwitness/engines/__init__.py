"""Engines that generate text from tokens or embeddings. Each is a module; this package imports none of them."""
