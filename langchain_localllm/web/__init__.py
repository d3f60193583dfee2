"""Serve documents in a web page and over HTTP, for this machine.

Here is what such servers share, and the page of `localllm ui`.
"""
