from hypothesis import settings

# Timings are never asserted, and a test that fails once must fail every time.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
