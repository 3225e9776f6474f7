"""The plans that come with holabench, as TOML files beside this one."""
