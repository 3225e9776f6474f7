from bench.doctor import findings, troubles


def test_everything_that_is_looked_at_says_why_it_matters() -> None:
    found = findings()
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    assert {"CPUs", "governor", "clock source", "stolen time", "descriptors", "net.core.somaxconn", "Python"} <= set(
        names
    )
    assert all(one.value and one.why and one.remedy for one in found)
    assert {one.state for one in troubles(found)} <= {"bad"}
