"""One package for each runtime; `registry` lists them."""
