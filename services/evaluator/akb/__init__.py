"""The benchmark builder: taxonomy, drafts by language models, checks, verification, releases and their versions.

Everything meets in one form, the JSONL of `question`: what `generate` drafts, `checks` look at, `proof` and the
annotators of `store` verify, and `release` publishes is a sequence of `Question`.
"""
