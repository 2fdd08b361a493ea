"""Channels chosen by how strongly a picture activates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, OctaveSettings, RunSettings
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.engine.ranking import channel_powers, choose_channels
from dreamvid.errors import ObjectiveError
from dreamvid.objective import parse

if TYPE_CHECKING:
    from dreamvid.engine.network import Network
    from dreamvid.objective import Term
    from dreamvid.types import RGB


def chosen(text: str, network: Network, picture: RGB, seed: int = 0) -> tuple[Term, ...]:
    return choose_channels(parse(text).terms[0], network, picture, seed)


def channels(text: str, network: Network, picture: RGB, seed: int = 0) -> list[int]:
    return [term.channel or 0 for term in chosen(text, network, picture, seed)]


def test_strong_channels_are_more_active_than_average_and_those_than_weak_ones(
    dreamnet: Network, photo: RGB
) -> None:
    powers = channel_powers(dreamnet, "mixed4", photo)
    weak, average, strong = (
        powers[channels(f"rank:{strength}:5@mixed4", dreamnet, photo)]
        for strength in ("weak", "average", "strong")
    )
    assert 0.0 < weak.min() <= weak.max() < average.min() <= average.max() < strong.min()


def test_another_seed_chooses_others_and_the_same_the_same(dreamnet: Network, photo: RGB) -> None:
    choices = [channels("rank:strong:3@mixed4", dreamnet, photo, seed) for seed in (1, 1, 2)]
    assert choices[0] == choices[1] != choices[2]


def test_another_picture_chooses_others(dreamnet: Network, photo: RGB) -> None:
    other = np.ascontiguousarray(1.0 - photo[::-1, :, ::-1])
    for text in ("rank:strong:3@mixed5", "surprise"):
        assert chosen(text, dreamnet, photo) != chosen(text, dreamnet, other)


def test_the_weights_of_ranked_channels_add_up_to_the_terms(dreamnet: Network, photo: RGB) -> None:
    terms = chosen("rank:weak:4@mixed4:2", dreamnet, photo)
    assert len({term.channel for term in terms}) == 4
    assert sum(term.weight for term in terms) == pytest.approx(2.0)


def test_a_surprise_mixes_channels_of_two_layers(dreamnet: Network, photo: RGB) -> None:
    surprises = {chosen("surprise", dreamnet, photo, seed) for seed in range(5)}
    assert len(surprises) == 5
    for terms in surprises:
        assert len({term.layer for term in terms}) == 2
        assert all(0.0 < term.weight <= 1.0 for term in terms)


def test_a_network_of_the_users_own_can_surprise(toy: Network, photo: RGB) -> None:
    assert chosen("surprise", toy, photo)


def test_terms_that_name_what_they_mean_stay_as_they_are(dreamnet: Network, photo: RGB) -> None:
    for text in ("mixed4", "mixed4#3", "class:17"):
        assert chosen(text, dreamnet, photo) == parse(text).terms


@pytest.mark.parametrize(
    ("text", "message"),
    [("rank:strong@mixed99", "no layer 'mixed99'"), ("rank:strong:40@deep", "only 12 channels of 'deep'")],
)
def test_what_cannot_be_chosen_is_one_line(toy: Network, photo: RGB, text: str, message: str) -> None:
    with pytest.raises(ObjectiveError, match=message) as caught:
        chosen(text, toy, photo)
    assert "\n" not in str(caught.value)


def test_an_engine_refuses_terms_that_need_a_picture(toy: Network) -> None:
    with pytest.raises(ObjectiveError, match="'rank:weak@deep' leaves its channels to a picture"):
        DreamEngine(
            toy,
            parse("rank:weak@deep"),
            octaves=OctaveSettings(),
            ascent=AscentSettings(),
            run=RunSettings(),
        )
