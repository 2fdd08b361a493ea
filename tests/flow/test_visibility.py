from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.visibility import softened, visible

if TYPE_CHECKING:
    from dreamvid.types import Flow


def still() -> Flow:
    return np.zeros((60, 80, 2), np.float32)


def test_what_stands_still_is_seen_everywhere() -> None:
    assert visible(still(), still()).all()


def test_a_steady_pan_hides_what_comes_in() -> None:
    backward = still() + np.array([10, 0], np.float32)  # what was further right: the camera pans right
    seen = visible(backward, -backward)
    assert seen[:, :70].all()
    assert not seen[:, 71:].any()


def test_what_an_object_uncovers_was_hidden() -> None:
    """A square moves right by 12 px over still ground: the ground at its old place was hidden."""
    forward, backward = still(), still()
    forward[20:40, 20:40] = [12, 0]  # at the source: the square's old place
    backward[20:40, 32:52] = [-12, 0]  # at the target: the square's new place
    seen = visible(backward, forward)
    assert not seen[20:40, 20:31].any()
    assert seen[23:37, 35:49].all()
    assert seen[:18].all()


def test_borders_between_motions_are_not_trusted() -> None:
    backward = still()
    backward[:, 40:] = [0.8, 0]
    seen = visible(backward, -backward)
    assert not seen[:, 39:41].any()
    assert seen[:, :38].all()
    assert seen[:, 43:78].all()


def test_a_soft_edge_lies_within_what_is_seen() -> None:
    seen = np.zeros((40, 40), bool)
    seen[10:30, 10:30] = True
    mask = softened(seen, edge=5)
    assert mask[~seen].max() == 0
    assert mask[20, 20] == 1
    row = mask[20, 10:16]
    assert (np.diff(row) >= 0).all()
    assert 0 < row[1] < 0.5 < row[3] < 1


def test_without_an_edge_the_mask_is_hard() -> None:
    seen = np.eye(5, dtype=bool)
    assert np.array_equal(softened(seen, edge=0), seen.astype(np.float32))


def test_all_seen_needs_no_edge_at_the_frame() -> None:
    assert softened(np.ones((9, 9), bool), edge=4).min() == 1


def test_one_row_has_no_slope() -> None:
    assert visible(np.zeros((1, 9, 2), np.float32), np.zeros((1, 9, 2), np.float32)).all()
