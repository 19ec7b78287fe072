"""The formats that runs are exported to, ONNX where its packages are installed."""

from importlib.util import find_spec

import pytest

needs_onnx = pytest.mark.skipif(
    find_spec("onnx") is None or find_spec("onnxruntime") is None, reason="needs ONNX: pip install 'limner[export]'"
)
FORMATS = ["torch", pytest.param("onnx", marks=needs_onnx)]
