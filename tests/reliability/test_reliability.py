"""The short form of ``python -m tests.reliability``."""

from __future__ import annotations

import logging
import os

import pytest

from tests.reliability import kills, lies, mixed, mutations, schedules, zones


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", [0, 20, 40])
def test_nothing_is_lost_or_made_twice_and_every_report_is_true(first):
    problems: list[schedules.Problem] = []
    counts = schedules.run(range(first, first + 20), lambda seed, found: problems.extend(found))
    assert problems == []
    assert counts["write_frame"] > 3


def test_no_lie_is_believed():
    reports: list[str] = []
    outcomes = lies.run(reports.append)
    assert reports == []
    assert outcomes["true"] == len(lies.CALLS)
    assert outcomes["noticed"] == outcomes.total() - outcomes["true"] >= 300


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_writer_that_is_killed_at_any_moment_loses_nothing():
    reports: list[str] = []
    counts = kills.run(15, 1, reports.append)
    assert reports == []
    assert counts["resumed"] > 0
    assert counts["rounds"] > 0


def test_a_damaged_document_decodes_or_is_refused():
    ends, wrong = mutations.check(6000, 1)
    assert wrong == []
    assert min(ends["decoded"], ends["refused"]) > 300


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_threads_and_processes_beside_faults_leave_nothing_behind():
    reports: list[str] = []
    counts = mixed.run(0, threads=8, report=reports.append, children=4)
    assert reports == []
    assert counts["wrong"] == 0
    assert (counts["forks"], counts["spawns"]) == (3, 1)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"])
def test_every_change_of_the_clock_end_to_end(name):
    reports: list[str] = []
    counts = zones.run([name], reports.append)
    assert reports == []
    assert counts["naive"] >= 2
