# The part of safetensors that `waypost train` uses; it is not installed where types are checked.
