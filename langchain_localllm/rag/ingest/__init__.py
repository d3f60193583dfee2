"""From files to passages: discover, load, split."""
