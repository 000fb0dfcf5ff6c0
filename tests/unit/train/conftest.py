"""Training needs torch, which is in no lock: its tests are collected where it is installed.

What does not need it (rows, alterations, batches, calibration, the card) is tested everywhere.
"""

from importlib.util import find_spec

NEED_TORCH = ["test_convert_torch.py", "test_export.py", "test_fit.py", "test_model.py", "test_pipeline.py"]

collect_ignore = [] if find_spec("torch") else NEED_TORCH
