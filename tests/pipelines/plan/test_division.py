"""A video is divided where nothing is carried over: at cuts and renewal points."""

from __future__ import annotations

from dreamvid.pipelines.plan.division import Part, divide
from dreamvid.pipelines.renewal import Renewal

RENEWAL = Renewal(every=100, warm_up=30, fade=20)


def test_parts_begin_with_shots_that_are_not_too_short() -> None:
    parts = divide(200, [0, 50, 60, 73, 74, 150], None, carries=True)
    assert parts == [Part(0, 50, 0), Part(50, 74, 50), Part(74, 150, 74), Part(150, 200, 150)]


def test_a_long_shot_is_divided_at_its_renewal_points() -> None:
    parts = divide(330, [0, 110], RENEWAL, carries=True)
    assert parts == [
        Part(0, 110, 0),  # what is left of the shot after 100 is too short
        Part(110, 210, 110),
        Part(210, 330, 110, 30),  # the same after 310
    ]
    assert [part.frames for part in parts] == [110, 100, 120]


def test_where_nothing_is_carried_shots_do_not_matter() -> None:
    assert divide(250, [0], None, carries=False) == [Part(0, 120, 0), Part(120, 240, 0), Part(240, 250, 0)]
    assert [part.first for part in divide(250, [0], RENEWAL, carries=False)] == [0, 100, 200]


def test_a_video_of_one_frame_is_one_part() -> None:
    assert divide(1, [0], RENEWAL, carries=True) == [Part(0, 1, 0)]
