"""Loads a Python model once, and forks workers that run it.

The server sends this package to an interpreter of the user's (`boot`), where `template`
loads the model and forks; each child is a `worker`.
"""
