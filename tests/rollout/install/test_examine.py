from dataclasses import replace
from typing import Any

import msgspec
import pytest
from fitted import LINE, SENSOR, renamed, wanted

from edge_agent.bundle import Bundle, encode_bundle
from edge_agent.pipeline.features import feature_hash
from edge_agent.rollout.install.examine import ExaminationError, examine
from edge_agent.rollout.install.orders import AssetFacts, SensorFacts
from edge_agent.rollout.messages import WantedModel


def sensed(**changes: Any) -> AssetFacts:
    own = {key: changes.pop(key) for key in tuple(changes) if key in AssetFacts.__struct_fields__}
    sensor = msgspec.structs.replace(SENSOR, **changes)
    return AssetFacts(name="press-1", line=LINE, **({"sensor": sensor} | own))


def check(content: bytes, *assets: AssetFacts, **changes: Any) -> tuple[str, ...]:
    model: WantedModel = msgspec.structs.replace(wanted(content), **changes)
    return examine(content, model, assets)


def test_a_bundle_that_fits_is_taken(samples_bundle: bytes) -> None:
    assert check(samples_bundle, sensed(), sensed()) == ()


def test_a_single_channel_may_have_any_name_and_several_must_be_paired(
    samples_bundle: bytes,
) -> None:
    assert check(samples_bundle, sensed(sensor=facts(("vertical",)))) == ()
    with pytest.raises(ExaminationError, match="press-1: channels: the source has"):
        check(samples_bundle, sensed(sensor=facts(("v", "h"))))
    paired = AssetFacts(name="press-1", line=LINE, sensor=facts(("v", "h")), channels=("h",))
    assert check(samples_bundle, paired) == ()


def facts(channels: tuple[str, ...]) -> SensorFacts:
    return msgspec.structs.replace(SENSOR, channels=channels)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rate_hz": 25_600.0}, "rate_hz: the source has 25600.0, the bundle needs 1024"),
        ({"rate_hz": None}, "rate_hz: the source has None"),
        ({"unit": "mg"}, "unit: the source has 'mg', the bundle needs 'g'"),
    ],
)
def test_another_sensor_than_the_bundle_was_made_for_is_refused(
    samples_bundle: bytes, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(ExaminationError, match=f"asset press-1: {why}"):
        check(samples_bundle, sensed(**changes))


def test_a_channel_that_was_chosen_and_is_not_there_is_refused(samples_bundle: bytes) -> None:
    asset = AssetFacts(name="press-1", line=LINE, sensor=SENSOR, channels=("z",))
    with pytest.raises(ExaminationError, match="the sensor has no channel 'z'; it has x"):
        check(samples_bundle, asset)


def test_a_sensor_that_was_not_opened_yet_is_not_compared_and_that_is_said(
    samples_bundle: bytes,
) -> None:
    (said,) = check(samples_bundle, AssetFacts(name="press-1", line=LINE))
    assert said == "asset press-1: its sensor was not opened yet to be compared"


def test_another_bundle_than_was_wanted_is_refused(plain_bundle: bytes) -> None:
    for changes in ({"version": "2.0.0"}, {"name": "other"}, {"sha256": "0" * 64}):
        with pytest.raises(ExaminationError, match=r"holds test-bearing 1\.0\.0 of sha256"):
            check(plain_bundle, sensed(), **changes)


def test_a_damaged_bundle_is_refused(plain_bundle: bytes) -> None:
    model = wanted(plain_bundle)
    with pytest.raises(ExaminationError, match="truncated"):
        examine(plain_bundle[:-5], model, [])


def test_a_feature_plugin_that_is_missing_or_of_another_version_is_refused(
    plain_bundle: bytes,
) -> None:
    opened = Bundle.decode(plain_bundle)
    flow = opened.manifest.flow
    first, *others = flow.features
    for change, why in (({"plugin": "sonar"}, "sonar"), ({"version": "99.0"}, "99.0")):
        features = (msgspec.structs.replace(first, **change), *others)
        content = renamed(
            plain_bundle,
            "1.0.0",
            flow=msgspec.structs.replace(flow, features=features),
            feature_hash=feature_hash(features, flow.feature_names),
        )
        with pytest.raises(ExaminationError, match=why):
            check(content, sensed())


def test_a_bundle_whose_golden_vectors_this_machine_computes_otherwise_is_refused(
    plain_bundle: bytes,
) -> None:
    opened = Bundle.decode(plain_bundle)
    golden = replace(opened.golden, scores=opened.golden.scores * 2.0)
    content = encode_bundle(opened.manifest, opened.model, golden)
    with pytest.raises(ExaminationError, match="golden window"):
        check(content, sensed())


def test_a_budget_that_the_bundle_cannot_support_is_refused(plain_bundle: bytes) -> None:
    with pytest.raises(
        ExaminationError, match="press-1: false_alarms_per_month: the thresholds carry no"
    ):
        check(plain_bundle, sensed(false_alarms_per_month=0.1))


def test_a_velocity_limit_needs_samples_that_a_velocity_can_be_computed_from(
    plain_bundle: bytes, features_bundle: bytes
) -> None:
    names = Bundle.decode(features_bundle).manifest.flow.input.channels
    table = AssetFacts(
        name="press-1",
        line=LINE,
        sensor=SensorFacts(channels=names, rate_hz=None, unit=None, period_s=600.0),
        has_velocity_limit=True,
    )
    with pytest.raises(ExaminationError, match="velocity_limit: "):
        check(features_bundle, table)


def test_a_general_bundle_takes_any_channels_but_must_know_their_rate(
    general_bundle: bytes,
) -> None:
    channels = ("b1", "b2", "speed")
    fits = SensorFacts(channels=channels, rate_hz=2000.0, unit="g")
    assert check(general_bundle, AssetFacts(name="a", line=LINE, sensor=fits)) == ()
    with pytest.raises(ExaminationError, match="rate_hz: the source has None"):
        check(general_bundle, sensed(rate_hz=None))
    missing = AssetFacts(name="a", line=LINE, sensor=fits, context=("torque",))
    with pytest.raises(ExaminationError, match="no channel 'torque'; it has b1, b2, speed"):
        check(general_bundle, missing)
