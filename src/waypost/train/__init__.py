"""From labelled text to an artefact: prepare, augment, fit, calibrate, quantise, export, evaluate.

Imported by nobody but the verb `waypost train`; needs the packages of the extra `train`.
"""
