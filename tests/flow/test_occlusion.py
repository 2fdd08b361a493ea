from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.occlusion import carry_mask, visible_mask

if TYPE_CHECKING:
    from dreamvid.types import Flow


def still() -> Flow:
    return np.zeros((60, 80, 2), np.float32)


def test_what_stands_still_is_seen_everywhere() -> None:
    assert visible_mask(still(), still()).all()


def test_a_steady_pan_hides_what_comes_in() -> None:
    backward = still() + np.array([10, 0], np.float32)  # what was further right: the camera pans right
    seen = visible_mask(backward, -backward)
    assert seen[:, :70].all()
    assert not seen[:, 71:].any()


def test_what_an_object_uncovers_was_hidden() -> None:
    """A square moves right by 12 px over still ground: the ground at its old place was hidden."""
    forward, backward = still(), still()
    forward[20:40, 20:40] = [12, 0]  # at the source: the square's old place
    backward[20:40, 32:52] = [-12, 0]  # at the target: the square's new place
    seen = visible_mask(backward, forward)
    assert not seen[20:40, 20:31].any()
    assert seen[23:37, 35:49].all()
    assert seen[:18].all()


def test_borders_between_motions_are_not_trusted() -> None:
    backward = still()
    backward[:, 40:] = [0.8, 0]
    seen = visible_mask(backward, -backward)
    assert not seen[:, 39:41].any()
    assert seen[:, :38].all()
    assert seen[:, 43:78].all()


def test_trust_has_a_soft_edge_within_what_is_seen() -> None:
    backward = still() + np.array([10, 0], np.float32)
    mask = carry_mask(backward, -backward, edge=9)
    hard = carry_mask(backward, -backward, edge=0)
    assert set(np.unique(hard)) == {0, 1}
    assert mask[:, 71:].max() == 0
    row = mask[30, :71]
    assert (np.diff(row) <= 0).all()
    assert row[:58].min() > 0.99
    assert row[70] < 0.1
    assert ((row > 0.1) & (row < 0.9)).sum() >= 4


def test_trust_fades_as_the_flows_disagree() -> None:
    backward = still()
    backward[..., 0] = np.linspace(0, 10, 80)
    mask = carry_mask(backward, still(), edge=0)[30]
    assert (np.diff(mask) <= 0).all()
    assert (mask[backward[30, :, 0] < 2] == 1).all()
    assert (mask[backward[30, :, 0] > 9.5] == 0).all()
    assert ((mask > 0) & (mask < 1)).sum() > 5


def test_borders_between_motions_may_be_carried_on() -> None:
    backward = still()
    backward[:, 40:] = [0.8, 0]
    assert not visible_mask(backward, -backward).all()
    assert carry_mask(backward, -backward, edge=0)[:, :79].min() == 1


def test_one_row_has_no_slope() -> None:
    assert visible_mask(np.zeros((1, 9, 2), np.float32), np.zeros((1, 9, 2), np.float32)).all()
