"""The generator: schema/ in, C and more out. Standard library only; each output has its own module."""
