"""Guards: what may not leave, and what may not come in, judged for each place a request could go to."""
