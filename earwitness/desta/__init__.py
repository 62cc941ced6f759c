"""The DeSTA audio language model, shared by the trainer, which writes checkpoints, and the LALM service, which serves
them.

A frozen Whisper encoder hears, a small connector translates what it heard into 64 vectors, and a frozen LLM reads them
among its own token embeddings (DeSTA2.5-Audio, arXiv:2507.02768). `config` and `splice` import neither torch nor
transformers.
"""
