"""From a checkpoint to a folder that Hugging Face's transformers and the LALM service both run, and back."""
