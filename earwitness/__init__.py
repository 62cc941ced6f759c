"""What a language model knows about sound, and what that knowledge is worth once the model is given ears.

This package is the library that the services share. It imports nothing from `services`.
"""

__version__ = "0.1.0"
