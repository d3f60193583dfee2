"""Documents in a web page and over HTTP, for this machine: what such servers share, and the page of `localllm ui`."""
