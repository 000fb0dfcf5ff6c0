"""Text we write ourselves, by template and word bank, where public data is thin or misleads.

Every module has `generate(seed, count)`. The same seed gives the same rows; a row's `group` is its
template, so that no template stands on both sides of a split.
"""
