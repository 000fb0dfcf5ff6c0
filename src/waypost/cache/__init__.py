"""The semantic cache: who may share an answer, what may be kept, and whether two questions are one. Pure."""
