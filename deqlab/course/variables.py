"""The environment variables that a run sets for its kernel; none of them is a secret."""

SEED_VARIABLE = "DEQLAB_SEED"  # from which scored cells draw their inputs
MEMORY_VARIABLE = "DEQLAB_MEMORY_BYTES"
FILE_VARIABLE = "DEQLAB_FILE_BYTES"
OUTPUT_VARIABLE = "DEQLAB_OUTPUT_BYTES"
