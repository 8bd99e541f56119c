from hypothesis import given
from hypothesis import strategies as st

from edge_agent.bundle import identity_problem
from edge_agent.rollout.topics import RolloutTopics, stored_name

TOPICS = RolloutTopics("edge/v1")
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
VERSIONS = st.from_regex(
    r"(0|[1-9][0-9]{0,3})\.[0-9]\.[0-9](-[a-z]{1,5}\.[1-9])?(\+[A-Za-z0-9.-]{1,9})?", fullmatch=True
)
DIGEST = "ab" * 32


@given(name=NAMES, version=VERSIONS)
def test_a_target_takes_one_level_of_a_topic_and_no_wildcard(name: str, version: str) -> None:
    if identity_problem(name, version) is not None:
        return
    topic = TOPICS.chunk(stored_name(f"{name}/{name}-{version}.edgemodel", DIGEST), 0)
    assert topic.count("/") == TOPICS.chunk("x", 0).count("/")
    assert not set(topic) & set("+#\x00$")


@given(
    one=st.tuples(NAMES, VERSIONS, st.sampled_from(("aa" * 32, "bb" * 32))),
    other=st.tuples(NAMES, VERSIONS, st.sampled_from(("aa" * 32, "bb" * 32))),
)
def test_two_targets_never_lie_in_the_same_place(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    def place(name: str, version: str, digest: str) -> str:
        return stored_name(f"{name}/{name}-{version}.edgemodel", digest)

    assert (place(*one) == place(*other)) == (one == other)
