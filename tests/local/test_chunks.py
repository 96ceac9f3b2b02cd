"""Keeping points in pieces, against a plain dict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandas_shooju.local.store import catalog, chunks, history, points
from pandas_shooju.local.store.chunks import NO_POINTS, Points
from pandas_shooju.local.store.database import Database
from pandas_shooju.local.store.pending import Pending
from pandas_shooju.local.store.points import Range

dates = st.integers(-50, 50)
values = st.sampled_from([1.0, 2.0, -0.0, 0.0, float("inf"), float("nan")])
batches = st.lists(st.tuples(dates, values), max_size=40)


def columns(batch):
    return np.array([date for date, _ in batch], np.int64), np.array([value for _, value in batch], np.float64)


def written(model, batch):
    for date, value in batch:
        if value != value:
            model.pop(date, None)
        else:
            model[date] = value


def bits(pairs):
    return [(date, np.float64(value).tobytes()) for date, value in pairs]


@given(st.lists(batches, max_size=6))
def test_merging_is_writing_into_a_dict(writes):
    now, model = NO_POINTS, {}
    for revision, batch in enumerate(writes, 1):
        now = chunks.merge(now, *chunks.in_order(*columns(batch)), revision).after
        # within a batch the last value of a date counts, a removal too
        written(model, dict(batch).items())
        assert bits(zip(now.dates.tolist(), now.values.tolist(), strict=True)) == bits(sorted(model.items()))
        assert (now.revisions <= revision).all()


@given(batches, batches)
def test_what_was_replaced_and_what_is_left_make_the_past(first, second):
    before = chunks.merge(NO_POINTS, *chunks.in_order(*columns(first)), 1).after
    after, replaced, removed = chunks.merge(before, *chunks.in_order(*columns(second)), 2)
    gone = Points(removed, np.full(len(removed), np.nan), np.full(len(removed), 2))
    then = chunks.as_of(after, [replaced, gone], 1)
    assert bits(zip(then.dates, then.values, strict=True)) == bits(zip(before.dates, before.values, strict=True))
    today = chunks.as_of(after, [replaced, gone], 2)
    assert bits(zip(today.dates, today.values, strict=True)) == bits(zip(after.dates, after.values, strict=True))


@given(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=200, unique=True).map(sorted), st.booleans())
def test_a_piece_comes_back_from_its_row(when, same_job):
    count = len(when)
    revisions = np.ones(count, np.int64) if same_job else np.arange(count)
    piece = Points(np.array(when, np.int64), np.arange(count) * 0.1, revisions)
    first, last, n, low, high, step, revision, dates_blob, revisions_blob, vals, packed = chunks.to_row(piece)
    assert (first, last, n, low, high) == (when[0], when[-1], count, 0.0, piece.values[-1])
    assert packed == (count >= chunks.PACKED_FROM)
    if dates_blob is None:
        assert when == [first + step * number for number in range(count)]
    else:
        assert chunks.integers(bytes(dates_blob), n, packed).tolist() == when
    if revisions_blob is None:
        assert revisions.tolist() == [revision] * count
    else:
        assert chunks.integers(bytes(revisions_blob), n, packed).tolist() == revisions.tolist()
    assert chunks.floats(bytes(vals), n, packed).tobytes() == piece.values.tobytes()


def test_evenly_spaced_dates_take_no_room():
    piece = Points(np.arange(5) * 3_600_000, np.zeros(5), np.ones(5, np.int64))
    row = chunks.to_row(piece)
    assert row[5] == 3_600_000
    assert row[7] is None
    assert row[8] is None


@pytest.fixture(scope="module")
def store():
    database = Database(None)
    yield database
    database.close()


def created(db, name, revision):
    pending = Pending(db)
    series = catalog.create(pending, name, revision, {}).id
    pending.flush()
    return series


def write(db, series, dates, values, revision, **options):
    pending = Pending(db)
    points.write(pending, series, 0, dates, values, revision, **options)
    pending.flush()


@settings(max_examples=60, deadline=None)
@given(writes=st.lists(st.tuples(batches, st.booleans()), max_size=8), ends=st.tuples(dates, dates))
def test_pieces_in_the_store_are_a_dict_with_a_past(store, writes, ends):
    limit, chunks.LIMIT = chunks.LIMIT, 8
    try:
        with store.writing() as db:
            revision = db.execute("INSERT INTO revisions (job, at, history) VALUES (1, 0, 1)").lastrowid
            series = created(db, f"series {revision}", revision)
            model, versions = {}, []
            for batch, alone in writes:
                revision = db.execute("INSERT INTO revisions (job, at, history) VALUES (1, 0, 1)").lastrowid
                write(db, series, *columns(batch), revision, alone=alone)
                if alone:
                    model.clear()
                written(model, dict(batch).items())
                versions.append((revision, sorted(model.items())))
            now = points.read(db, series, 0)
            assert bits(zip(now.dates, now.values, strict=True)) == bits(sorted(model.items()))
            sizes = [row[0] for row in db.execute("SELECT count FROM chunks WHERE series = ?", (series,))]
            assert all(0 < size <= 8 for size in sizes)
            for revision, expected in versions:
                then = history.points_as_of(db, series, 0, now, revision)
                assert bits(zip(then.dates, then.values, strict=True)) == bits(expected)
            for limit_of_points in (None, 1, 5):
                wanted = Range(*ends, limit_of_points)
                expected = [(d, v) for d, v in sorted(model.items()) if ends[0] <= d <= ends[1]][:limit_of_points]
                part = points.read_many(db, [series], wanted).get(series, NO_POINTS)
                assert bits(zip(part.dates, part.values, strict=True)) == bits(expected)
            assert points.counts(db, [series]) == [len(model)]
            db.execute("DELETE FROM series WHERE id = ?", (series,))
    finally:
        chunks.LIMIT = limit


def test_appending_and_reading_a_short_range_touch_few_pieces(store):
    with store.writing() as db:
        revision = db.execute("INSERT INTO revisions (job, at, history) VALUES (1, 0, 1)").lastrowid
        series = created(db, "a long one", revision)
        count = 20 * chunks.LIMIT
        write(db, series, np.arange(count), np.zeros(count), revision)
        pieces = {row[0] for row in db.execute("SELECT id FROM chunks WHERE series = ?", (series,))}
        assert len(pieces) == 20
        write(db, series, np.array([count, count + 1]), np.ones(2), revision)
        write(db, series, np.array([5]), np.array([5.0]), revision)
        write(db, series, np.array([count + 2]), np.ones(1), revision)
        left = {row[0] for row in db.execute("SELECT id FROM chunks WHERE series = ?", (series,))}
        assert len(pieces & left) == 19
        assert len(left) == 21
        db.execute("DELETE FROM series WHERE id = ?", (series,))


@pytest.mark.parametrize("backwards", [False, True])
def test_points_that_come_one_by_one_fill_pieces(store, backwards, monkeypatch):
    monkeypatch.setattr(chunks, "LIMIT", 16)
    with store.writing() as db:
        revision = db.execute("INSERT INTO revisions (job, at, history) VALUES (1, 0, 1)").lastrowid
        series = created(db, f"one by one {backwards}", revision)
        for date in range(200, 0, -1) if backwards else range(200):
            write(db, series, np.array([date]), np.array([1.0]), revision)
        pieces = db.execute("SELECT count(*) FROM chunks WHERE series = ?", (series,)).fetchone()[0]
        assert pieces <= (13 if not backwards else 27)
