"""Find, fetch, list and remove models, and estimate whether they fit."""
