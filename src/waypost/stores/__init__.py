"""Where answers are kept: engines behind the cache's questions.

What may be cached, under which key, and whether a candidate may be served is decided elsewhere; a store
keeps bytes, forgets them in time, and finds the vectors that are nearest.
"""
