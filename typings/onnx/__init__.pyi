# The part of onnx that `waypost train` uses; onnx is not installed where types are checked.
class TensorProto:
    FLOAT: int

__version__: str
