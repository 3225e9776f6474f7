"""The charts of a run: DataFrames in, matplotlib figures out.

No file is opened and no global state is changed.

``catalogue`` lists the charts that a run allows. ``sweeps``, ``points`` and ``notes`` select what they show; none of
these four imports matplotlib. ``builders`` builds each chart with one of the kinds of chart (``lines``, ``dots``, ...),
which use ``layout`` and ``style``.
"""
