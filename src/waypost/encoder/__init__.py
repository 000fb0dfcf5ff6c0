"""The engine behind `Encode`: one small network that answers every learned question.

Only modules of this package import numpy, onnxruntime and tokenizers.
"""
