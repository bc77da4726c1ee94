"""The Python runtime of an execution environment: what `bootstrap.py` is made of.

A package of its own name, loaded before any code of the function, so that no module of the function can stand in for a part
of it. Supports Python 3.8 and later; needs nothing but the standard library.
"""
