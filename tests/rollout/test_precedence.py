from itertools import pairwise

from edge_agent.rollout.precedence import precedence

# In the order of semver.org, section 11.
ORDERED = (
    *("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"),
    *("1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0", "2.0.0", "10.0.0"),
)


def test_versions_go_before_each_other_as_semver_says() -> None:
    for lower, higher in pairwise(ORDERED):
        assert precedence(lower) < precedence(higher)


def test_build_metadata_do_not_count() -> None:
    assert precedence("1.0.0+a") == precedence("1.0.0+b") == precedence("1.0.0")
    assert precedence("1.0.0-rc.1+7") == precedence("1.0.0-rc.1")
    assert precedence("1.0.0+a-b") == precedence("1.0.0")
