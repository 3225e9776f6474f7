"""Read a run with pandas. Run it as a script, or cell by cell in an editor that knows ``# %%``."""

# %% Load a run. Each table is a DataFrame and is read when it is used for the first time.
from bench import load

run = load("results/reference")
print(run.started_at, run.plan.name, run.environment["holabench"])

# %% Median requests per second of each model, with TCP and UDP side by side.
capacity = run.summary.query("metric == 'throughput_rps' and scenario_kind == 'capacity' and verdict != 'invalid'")
print(capacity.pivot_table(index=["model", "connections"], columns="transport", values="median").round(0))

# %% Differences from the reference, with their intervals. A ratio above 1 is more requests per second.
against_reference = run.comparisons.query("metric == 'throughput_rps' and kind == 'reference'")
print(against_reference[["arm", "connections", "ratio", "low", "high", "conclusion"]])

# %% Spread over the blocks: each block starts every server again.
measured = run.trials.query("scenario_kind == 'capacity' and status == 'ok'")
print(measured.groupby(["arm", "connections"])["mean_throughput_rps"].agg(["min", "median", "max"]).round(0))

# %% Memory per connection: compare the largest load with the smallest one.
memory_mb = measured.pivot_table(index="arm", columns="connections", values="memory_mb")
print(memory_mb.round(1))

# %% Any percentile of the answered requests. Histograms of several blocks are added; percentiles are never averaged.
slots = run.histograms.query("scenario == 'capacity' and quantity == 'service'")
counts = slots.groupby(["arm", "connections", "upper_ns"], observed=True)["count"].sum()
by_case = counts.groupby(["arm", "connections"], observed=True)
reached = (by_case.cumsum() / by_case.transform("sum")).rename("share").reset_index()
p95_ns = reached[reached["share"] >= 0.95].groupby(["arm", "connections"], observed=True)["upper_ns"].min()
print(p95_ns / 1000)

# %% Rounds that the machine disturbed: their slices are not counted.
print(run.rounds.groupby("block")["disturbed"].sum())
