"""What is fuzzed: one module for each room of the readers, each with a tuple `TARGETS`."""
