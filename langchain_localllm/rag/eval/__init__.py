"""Measure the quality of answers on questions with known answers."""
