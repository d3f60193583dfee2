"""Read GGUF files and the hardware: headers, memory estimates, machine.

Imports nothing from the packages above.
"""
