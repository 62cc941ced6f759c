"""The LLM service: a backbone language model behind gRPC. Text in, text or log-probabilities out."""
