"""How good the classifiers are, on labelled files: figures with intervals, never a bare number.

Everything is asked of the open engine as a request would ask it, so windows, calibration, thresholds and
coverage count as they do in service. Needs numpy and the engine; matplotlib only to draw.
"""
