"""HTTP for the runtimes that are servers.

`address` and `faults` know URLs and errors, `lines` cuts bytes into events, `plan` holds what is
done over HTTP without doing it, `client` does it: with `requests` when called from sync code, with
`aiohttp` when called from async code.
"""
