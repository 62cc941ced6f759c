"""The LALM service: an audio language model behind gRPC. Clips and text in, text out."""
