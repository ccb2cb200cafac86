"""Signatures of image stacks: the same image is found again in another file, size, place or window.

`sign` makes one (248 bytes), `search.exact` and `search.near` find pairs among many.
"""
