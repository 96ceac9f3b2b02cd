r"""Frames that are read, transformed and written at random: no series changes that a write did not name.

A model, which knows nothing of the package, says which series a write may change: it follows under which labels series
were read, and which ids stand in the data. A thorough run::

    WRITES=5000 python -m pytest tests/frame/test_state_machine.py --hypothesis-show-statistics
"""

import os
import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import pandas_shooju as sj
from pandas_shooju import read_shooju

RUNS = int(os.environ.get("WRITES", "40"))
DATES = pd.date_range("2024-01-01", periods=4, tz="UTC", name="dt").as_unit("ms")
FOLDERS = (r"users\a", r"users\b")


@dataclass
class Known:
    """Data, and under which labels the series were read from which it was made."""

    data: object
    behind: dict = field(default_factory=dict)

    def made(self, data, *others):
        behind = {label: set(ids) for label, ids in self.behind.items()}
        for other in others:
            for label, ids in other.behind.items():
                behind.setdefault(label, set()).update(ids)
        return Known(data, behind)


def key(label):
    if isinstance(label, tuple):
        return tuple(map(key, label))
    return None if pd.api.types.is_scalar(label) and pd.isna(label) else (type(label).__name__, str(label))


def labels_of(data):
    if isinstance(data, pd.Series):
        return [data.name]
    return list(data.columns)


def is_wide(data):
    index = data.index if isinstance(data, pd.DataFrame | pd.Series) else None
    return isinstance(index, pd.DatetimeIndex) and not (isinstance(data, pd.DataFrame) and "series_id" in data.columns)


def ids_in(data):
    """The ids that stand in a column or level ``series_id``."""
    if isinstance(data, pd.Series):
        data = data.to_frame("val")
    if "series_id" in data.columns:
        return set(map(str, data["series_id"]))
    if "series_id" in data.index.names:
        return set(map(str, data.index.get_level_values("series_id")))
    return set()


def may_change(known, call):
    """The series that a write may change, in lower case."""
    data = known.data
    if call == "nothing":
        column = isinstance(data, pd.DataFrame) and (
            "series_id" in data.columns or (data.index.name == "series_id" and not is_wide(data))
        )
        return ids_in(data) if column else set()
    if not is_wide(data):
        return {one.partition("@asof")[0] for one in ids_in(data)}
    named = {label for label in labels_of(data) if isinstance(label, str) and "\\" in label}
    read = {series_id for label in labels_of(data) for series_id in known.behind.get(key(label), ())}
    return {one.partition("@asof")[0] for one in named} | read


QUERIES = [
    (r"sid:users\a", None),
    (r"sid:users\a", "country"),
    (r"sid:users\b", "country"),
    (r"sid:users\b", "number"),
    (r"sid:users\a", ["country", "unit"]),
    (r"sid:users", ["folder", "country"]),
    (r"sid:users\a@asof:j1", None),
    (r"sid:users\b@asof:j2", "country"),
    (r"sid:users\a@A:M", None),
    (r"sid:users\a@lag:1y", "country"),
    ([r"sid=users\a\US", r"sid=users\b\CN"], None),
    ({"x": r"sid=users\a\US", "US": r"sid=users\a\CN", "CN": r"sid=users\b\CN"}, None),
]

OPERATIONS = {
    "same": lambda data: data,
    "double": lambda data: data * 2,
    "change": lambda data: data.pct_change(),
    "months": lambda data: data.resample("MS").mean(),
    "sum": lambda data: data.cumsum(),
    "shift": lambda data: data.shift(),
    "rolling": lambda data: data.rolling(2).mean(),
    "stack": lambda data: data.stack(),
    "restack": lambda data: data.stack().unstack(),
    "unstack": lambda data: data.unstack(),
    "rebuilt": lambda data: pd.DataFrame(data.to_numpy(), data.index, data.columns),
    "rebuilt by position": lambda data: pd.DataFrame(data.to_numpy(), data.index),
    "no attrs": lambda data: data.copy().pipe(lambda copy: copy.__class__(copy.to_numpy(), copy.index, copy.columns)),
    "dictionary": lambda data: pd.DataFrame(data.to_dict()),
    "first column": lambda data: data.iloc[:, 0],
    "last column": lambda data: data.iloc[:, -1],
    "first columns": lambda data: data.iloc[:, :1],
    "reversed": lambda data: data.iloc[:, ::-1],
    "rows": lambda data: data.iloc[1:3],
    "row": lambda data: data.iloc[0],
    "holes": lambda data: data.where(data > data.min()),
    "suffix": lambda data: data.add_suffix("_pct"),
    "prefix": lambda data: data.add_prefix("my\\"),
    "upper": lambda data: data.rename(columns=lambda label: str(label).upper()),
    "swapped": lambda data: data.rename(columns={"US": "CN", "CN": "US", 1: 2, 2: 1}),
    "cut": lambda data: data.rename(columns=lambda label: str(label).rpartition("\\")[2]),
    "positions": lambda data: pd.concat([data, data], axis=1, ignore_index=True),
    "numbers": lambda data: data.set_axis(range(data.shape[1]), axis=1),
    "unnamed": lambda data: data.rename(None) if isinstance(data, pd.Series) else data.rename_axis(columns=None),
    "renamed level": lambda data: data.rename_axis(columns="name"),
    "level of ids": lambda data: data.rename_axis(columns="series_id"),
    "swapped levels": lambda data: data.swaplevel(axis=1),
    "dropped level": lambda data: data.droplevel(0, axis=1),
    "twice": lambda data: pd.concat([data, data]),
    "new column": lambda data: data.assign(new=1.0),
    "new id": lambda data: data.assign(**{r"users\a\new": 1.0}),
    "naive": lambda data: data.tz_localize(None),
    "Berlin": lambda data: data.tz_convert("Europe/Berlin"),
    "melted": lambda data: data.melt(ignore_index=False, value_name="val").reset_index(),
    "melted ids": lambda data: data.melt(ignore_index=False, value_name="val", var_name="series_id").reset_index(),
    "pivoted": lambda data: data.pivot(index="dt", columns="series_id", values="val"),
    "index": lambda data: data.set_index("dt"),
    "indexes": lambda data: data.set_index(["dt", "series_id"]),
    "no index": lambda data: data.reset_index(),
    "values times 100": lambda data: data.assign(val=data["val"] * 100),
    "other ids": lambda data: data.assign(series_id=data["series_id"].astype(str) + "_2"),
    "correlation": lambda data: data.corr(),
    "described": lambda data: data.describe().T,
    "means": lambda data: data.mean().to_frame("mean"),
    "transposed": lambda data: data.T,
    "to a Series of one name": lambda data: data.rename("US"),
    "frame": lambda data: data.to_frame(),
    "aggregated": lambda data: data.groupby(data.index.month).sum(),
    "logarithm": lambda data: np.log(data),
}  # fmt: skip

SIDS = [
    None, "{series_id}", r"{new}\{series_id}", r"{new}\{country}", r"{new}\{}", r"{new}\{name}", r"{new}\one",
    r"{new}\{folder}\{country}", r"{new}\{country}-{unit}", "function", "dict",
]  # fmt: skip


def whole(data):
    """The data, unless pandas has made a frame that it cannot read itself."""
    if isinstance(data, pd.DataFrame):
        data.to_numpy()
        data.dtypes  # noqa: B018
        [data.iloc[:, at] for at in range(data.shape[1])]
    return data


#: frames with more values are left out: joining dates that occur many times squares their number
MOST = 2000

#: how far a frame is from the top of the pile
PLACES = st.sampled_from([0, 0, 0, 1, 1, 2, 3])


class Desk(RuleBasedStateMachine):
    """A store, some frames, and a model of which series each write may change."""

    @initialize()
    def open(self):
        self.conn = sj.Connection("local::memory:")
        self.number = 0
        for folder in FOLDERS:
            data = pd.DataFrame({"US": [1.0, 2, 3, 4], "CN": [5.0, 6, 7, 8]}, DATES).rename_axis(columns="country")
            data.shooju.write(folder, sid=rf"{folder}\{{country}}", fields="levels", connection=self.conn)
        fields = pd.DataFrame(
            {"number": [1, 2, 1, 2], "unit": "MW", "folder": ["a", "a", "b", "b"]},
            pd.Index([rf"{folder}\{name}" for folder in FOLDERS for name in ("US", "CN")], name="series_id"),
        )
        fields.shooju.write("fields", connection=self.conn)
        self.before = self.stored()
        self.allowed = set()
        self.local = Known(pd.DataFrame({"US": 1.0, "CN": 2.0}, DATES).rename_axis(columns="country"))
        self.pile = [self.local, self.read_known((r"sid:users\a", "country"), "wide", ...)]

    def at(self, place):
        """The frame that is so far from the top of the pile."""
        return self.pile[-1 - place % len(self.pile)]

    def stored(self):
        points = read_shooju("", layout="long", include_job=True, connection=self.conn)
        # not as a frame, where the type of a number depends on the other series
        series = self.conn.scroll("", fields=["*"])
        found = {one["series_id"].lower(): [repr(sorted(one["fields"].items()))] for one in series}
        rows = zip(points["series_id"].astype(str), points["dt"], points["val"], points["job"], strict=True)
        for series_id, *point in rows:
            found[series_id.lower()].append(tuple(point))
        return found

    @rule(
        query=st.sampled_from(QUERIES),
        layout=st.sampled_from(["wide", "wide", "wide", "long", "fields"]),
        tz=st.sampled_from([..., ..., "Europe/Berlin", None]),
        names=st.lists(st.sampled_from(sorted(OPERATIONS)), max_size=3),
    )
    def read(self, query, layout, tz, names):
        """Read a frame and transform it; it is on top of the pile."""
        self.pile.append(self.transformed(self.read_known(query, layout, tz), names))

    def read_known(self, query, layout, tz):
        query, fields = query
        try:
            known = Known(read_shooju(query, fields, layout=layout, tz=tz, connection=self.conn))
        except ValueError:  # two series have the same label by now
            return self.local
        if layout == "wide":
            # each label again by a request of its own, which does not ask the frame what it knows
            derived = "@A" in str(query) or "@lag" in str(query)
            if isinstance(query, dict):
                pairs = [(label, one.partition("=")[2]) for label, one in query.items()]
            elif isinstance(query, list):
                pairs = [(one.partition("=")[2],) * 2 for one in query]
            else:
                names = [fields] if isinstance(fields, str) else fields
                pairs = []
                for found in self.conn.scroll(query, fields=names or None):
                    values = tuple(found["fields"].get(name) for name in names or ())
                    label = found["series_id"] if not values else values[0] if len(values) == 1 else values
                    pairs.append((label, found["series_id"].partition("@")[0]))
            for label, series_id in pairs:
                known.behind[key(label)] = set() if derived else {series_id}
        return known

    def transformed(self, known, names):
        for name in names:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    data = whole(OPERATIONS[name](known.data))
                except Exception:  # pandas has no such operation for this data
                    continue
            if not isinstance(data, pd.DataFrame | pd.Series) or data.size > MOST:
                continue
            behind = known.behind
            known = known.made(data)
            if name == "swapped levels":
                known.behind |= {label[::-1]: ids for label, ids in behind.items() if isinstance(label[0], tuple)}
        return known

    @rule(
        left=PLACES, right=PLACES, sign=st.sampled_from(["-", "/", "concat", "beside", "where"]),
        names=st.lists(st.sampled_from(sorted(OPERATIONS)), max_size=1),
    )  # fmt: skip
    def combine(self, left, right, sign, names):
        left, right = self.at(left), self.at(right)
        a, b = left.data, right.data
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                if sign == "concat":
                    data = pd.concat([a, b])
                elif sign == "beside":
                    data = pd.concat([a, b], axis=1)
                elif sign == "where":
                    data = a.where(a > b, b)
                else:
                    data = a - b if sign == "-" else a / b
                data = whole(data)
            except Exception:  # pandas does not combine these two
                return
        if isinstance(data, pd.DataFrame | pd.Series) and data.size <= MOST:
            self.pile.append(self.transformed(left.made(data, right), names))

    @rule(
        place=PLACES,
        sid=st.sampled_from(SIDS),
        options=st.sampled_from([{}, {}, {"fields": "levels"}]),
        na=st.sampled_from(["skip", "null"]),
        remove=st.sampled_from([None, None, None, "points", "all"]),
    )
    def write(self, place, sid, options, na, remove):
        known = self.at(place)
        self.number += 1
        new = rf"users\new{self.number}"
        if sid is None:
            self.allowed = may_change(known, "nothing")
        elif sid == "{series_id}":
            self.allowed = may_change(known, "same")
        else:
            self.allowed = None  # those below `new`
        if sid == "function":
            sid = lambda label: new + "\\" + str(label).replace("\\", "-")  # noqa: E731
        elif sid == "dict":
            sid = {label: rf"{new}\{at}" for at, label in enumerate(labels_of(known.data))}
        elif sid is not None:
            sid = sid.replace("{new}", new)
        self.call(known, new, sid=sid, na=na, remove_others=remove, **options)

    @rule(place=PLACES, other=PLACES, na=st.sampled_from(["skip", "null"]), remove=st.sampled_from([None, "points"]))
    def write_changes(self, place, other, na, remove):
        known, old = self.at(place), self.at(other)
        if is_wide(known.data):
            # an unnamed Series is compared with the only one there is
            labels = labels_of(old.data) if labels_of(known.data) == [None] else labels_of(known.data)
            self.allowed = {series_id for label in labels for series_id in old.behind.get(key(label), ())}
            # an id is the same series whether it was read as of a job or not
            bare = {one.partition("@asof")[0] for one in labels if isinstance(one, str) and "\\" in one}
            self.allowed |= bare & {series_id for ids in old.behind.values() for series_id in ids}
        else:
            bare = {one.partition("@asof")[0] for one in ids_in(known.data)}
            self.allowed = may_change(known, "same") & may_change(old, "same") | bare
        self.call(known, None, changed_from=old.data, na=na, remove_others=remove)

    def call(self, known, new, **options):
        if self.allowed is not None:
            self.allowed = {one.lower() for one in self.allowed}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = known.data.shooju.write("at random", connection=self.conn, **options)
            except (ValueError, TypeError, sj.WriteError) as error:
                event(f"refused: {type(error).__name__}")
            else:
                event("nothing to write" if result.job is None else f"written by {next(iter(options))}")
        after = self.stored()
        changed = {one for one in {*after, *self.before} if after.get(one) != self.before.get(one)}
        if self.allowed is None:
            wrong = {one for one in changed if not one.startswith(f"{new}\\".lower())}
        else:
            wrong = changed - self.allowed
        assert not wrong, (wrong, options)
        self.before = after

    def teardown(self):
        if hasattr(self, "conn"):
            self.conn.close()


TestDesk = Desk.TestCase
TestDesk.settings = settings(
    max_examples=RUNS,
    stateful_step_count=20,
    deadline=None,
    derandomize="WRITES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if "WRITES" not in os.environ else [])],
)
