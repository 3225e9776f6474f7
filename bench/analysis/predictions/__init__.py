"""Predictions of figures from quantities that were measured apart, as a textbook makes them. Pure.

Nothing is fitted: a form has no free parameter. docs/predictions.md derives each form and names its source.
"""
