"""The demo that ``pandas-shooju demo`` runs: it writes real data, reads it back, and plots it.

Each step is a function. The demo prints its docstring and its code, runs it, and prints what it returns, so readers see
exactly what ran. The data are public tables that the package `vega_datasets` ships.
"""

from __future__ import annotations

import inspect
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pandas_shooju import Connection, read_shooju


def run(store: str | None = None, chart: Path = Path("pandas-shooju-demo.png")) -> None:
    """Run the demo and print every step.

    Parameters
    ----------
    store
        File of the embedded store. By default the store of the user.
    chart
        Where to save the chart.

    Raises
    ------
    ImportError
        If the extra ``demo`` is not installed.
    """
    try:
        import matplotlib  # noqa: F401
        from vega_datasets import data
    except ImportError as error:
        raise ImportError(f"{error}; the demo needs: pip install 'pandas-shooju[demo]'") from None
    began = time.perf_counter()
    server = "local" if store is None else f"local:{store}"
    print("pandas-shooju: Shooju time series in pandas.\n")
    print("Everything below runs on an embedded Shooju, a store in one file. You can read from it yourself:\n")
    print(f"    import pandas as pd\n    import pandas_shooju as sj\n\n    conn = sj.Connection({server!r})\n")
    with Connection(server) as conn:
        for step in (
            write_one_series,
            write_long,
            write_groups,
            write_wide,
            read_wide,
            read_long,
            read_localized,
            read_aggregated,
            write_changes,
        ):
            _narrate(step, conn, data)
        read_back = check_everything(conn, data)
        draw(conn, chart)
    print(f"Checked: {read_back:,} points were read back exactly as they were written.")
    print(f"Saved a chart: {chart}")
    print(f"The demo took {time.perf_counter() - began:.1f} s.")


def _narrate(step: Callable[[Connection, Any], Any], conn: Connection, data: Any) -> None:
    """Print the docstring and the code of a step, run it, and print what it returns."""
    lines = inspect.getsource(step).splitlines()
    end_of_docstring = next(i for i, line in enumerate(lines) if line.rstrip().endswith('"""'))
    print("-" * 100)
    print(textwrap.fill(inspect.getdoc(step) or "", 100), end="\n\n")
    print(textwrap.indent(textwrap.dedent("\n".join(lines[end_of_docstring + 1 :])), "    "), end="\n\n")
    with pd.option_context("display.max_rows", 8, "display.width", 100, "display.max_columns", 8):
        print(textwrap.indent(str(step(conn, data)), "  "), end="\n\n")


# --- writing -----------------------------------------------------------------------------------------------------


def write_one_series(conn: Connection, data: Any) -> Any:
    """Write one series: hourly temperatures in Seattle in 2010, in standard time, with fields that describe it."""
    temps = data.seattle_temps().set_index("date")["temp"].tz_localize("Etc/GMT+8")
    return temps.shooju.write(
        "Seattle temperatures",
        sid=r"users\demo\seattle\temp",
        fields={"city": "Seattle", "unit": "F", "timezone": "America/Los_Angeles"},
        connection=conn,
    )


def write_long(conn: Connection, data: Any) -> Any:
    """Write a long frame, which has a row per point: electricity in Iowa. A template over its columns makes the ids."""
    iowa = data.iowa_electricity()
    return iowa.shooju.write(
        "Iowa electricity",
        sid=r"users\demo\iowa\{source}",
        date="year",
        value="net_generation",
        fields=["source"],
        connection=conn,
    )


def write_groups(conn: Connection, data: Any) -> Any:
    """Write a groupby: five stocks. A function of the group's label returns the series id."""
    return (
        data.stocks()
        .groupby("symbol")
        .shooju.write(
            "Stocks",
            sid=lambda symbol: rf"users\demo\stocks\{symbol.lower()}",
            date="date",
            value="price",
            fields=["symbol"],
            connection=conn,
        )
    )


def write_wide(conn: Connection, data: Any) -> Any:
    """Write a wide frame, which has a column per series: US employment by sector. The column level becomes a field."""
    jobs = data.us_employment().set_index("month").rename_axis(columns="sector")
    jobs.index = pd.to_datetime(jobs.index)
    return jobs.shooju.write("US employment", sid=r"users\demo\employment\{sector}", fields="levels", connection=conn)


# --- reading -----------------------------------------------------------------------------------------------------


def read_wide(conn: Connection, data: Any) -> Any:
    """Read a query into a frame. The fields you ask for label the columns."""
    return read_shooju(r"sid:users\demo\iowa source=(Renewables,Nuclear*)", "source", df="2010-01-01", connection=conn)


def read_long(conn: Connection, data: Any) -> Any:
    """Read in the long layout: a row per point, with text in categoricals."""
    return read_shooju(r"sid:users\demo\stocks", "symbol", layout="long", df="2009-01-01", connection=conn)


def read_localized(conn: Connection, data: Any) -> Any:
    """Read in local time. Clocks in Seattle skip an hour in March and repeat one in November; instants do not move."""
    temps = read_shooju({"temp": r"sid=users\demo\seattle\temp@localize"}, connection=conn)
    return pd.concat(
        [temps.loc["2010-03-14 01:00":"2010-03-14 04:00", "temp"], temps.loc["2010-11-07":"2010-11-07", "temp"].head(4)]
    )


def read_aggregated(conn: Connection, data: Any) -> Any:
    """Let the server evaluate an operator at the end of the query: here the mean of each month."""
    return read_shooju({"monthly mean": r"sid=users\demo\seattle\temp@A:M"}, connection=conn)


def write_changes(conn: Connection, data: Any) -> Any:
    """Revise data: look at the difference, then write only that, to the series that the frame was read from."""
    old = read_shooju(r"sid:users\demo\employment", "sector", connection=conn)
    new = old.copy()
    new.iloc[-1, 0] += 1
    difference = new.shooju.diff(old)
    new.shooju.write("A revision", changed_from=old, connection=conn)
    old.shooju.write("And back", changed_from=new, connection=conn)
    return difference


# --- checking ----------------------------------------------------------------------------------------------------


def check_everything(conn: Connection, data: Any) -> int:
    """Compare everything that was written with what is read back, and return the number of points.

    Raises
    ------
    AssertionError
        If anything differs.
    """
    temps = data.seattle_temps().set_index("date")[["temp"]].tz_localize("Etc/GMT+8").tz_convert("America/Los_Angeles")
    iowa = data.iowa_electricity().pivot(index="year", columns="source", values="net_generation")
    stocks = data.stocks().pivot(index="date", columns="symbol", values="price")
    jobs = data.us_employment().set_index("month").sort_index(axis=1).rename_axis(columns="sector")
    jobs.index = pd.to_datetime(jobs.index)
    pairs = [
        (temps, read_shooju({"temp": r"sid=users\demo\seattle\temp@localize"}, connection=conn)),
        (iowa, read_shooju(r"sid:users\demo\iowa", "source", sort="source asc", tz=None, connection=conn)),
        (stocks, read_shooju(r"sid:users\demo\stocks", "symbol", sort="symbol asc", tz=None, connection=conn)),
        (jobs, read_shooju(r"sid:users\demo\employment", "sector", sort="sector asc", tz=None, connection=conn)),
    ]
    for written, read in pairs:
        expected = written.astype("float64").set_axis(written.index.as_unit("ms").rename("dt"))
        pd.testing.assert_frame_equal(read, expected, check_exact=True, check_freq=False)
    return sum(int(read.count().sum()) for _, read in pairs)


def draw(conn: Connection, chart: Path) -> None:
    """Draw the result of four queries in four panels and save the chart."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    FigureCanvasAgg(figure)
    (top_left, top_right), (bottom_left, bottom_right) = figure.subplots(2, 2)

    temps = read_shooju({"hourly": r"sid=users\demo\seattle\temp@localize"}, connection=conn)
    monthly = read_shooju({"monthly mean": r"sid=users\demo\seattle\temp@A:M"}, tz=None, connection=conn)
    top_left.plot(temps.index.tz_localize(None), temps["hourly"], linewidth=0.4, color="tab:blue", label="hourly")
    middles = monthly.index + pd.Timedelta(days=15)
    top_left.plot(middles, monthly["monthly mean"], color="tab:red", marker="o", label="monthly mean (@A:M)")
    top_left.set(title="Seattle, temperature", ylabel="°F")

    iowa = read_shooju(r"sid:users\demo\iowa", "source", tz=None, connection=conn)
    for source in iowa:
        top_right.plot(iowa.index, iowa[source] / 1000, marker=".", label=str(source))
    top_right.set(title="Iowa, net generation by source", ylabel="TWh a year")

    stocks = read_shooju(r"sid:users\demo\stocks", "symbol", tz=None, connection=conn)
    for symbol in stocks:
        bottom_left.plot(stocks.index, stocks[symbol], label=str(symbol))
    bottom_left.set(title="Stocks", ylabel="US$", yscale="log")

    sectors = read_shooju(
        r"sid:users\demo\employment sector=(construction,manufacturing,government,retail_trade)",
        "sector",
        tz=None,
        connection=conn,
    )
    for sector in sectors:
        label = str(sector).replace("_", " ")
        bottom_right.plot(sectors.index, 100 * sectors[sector] / sectors[sector].iloc[0], label=label)
    bottom_right.set(title="US employment", ylabel="January 2006 = 100")

    for axes in (top_left, top_right, bottom_left, bottom_right):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(chart, dpi=110)
