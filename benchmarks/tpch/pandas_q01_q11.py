"""TPC-H queries 1 to 11 in the pandas API; ``pd`` is pandas or a module that stands in for it.

Every function reads the tables that it needs and returns a DataFrame with the columns, rows and
order that the specification asks for.
"""

from __future__ import annotations

from typing import Any

from benchmarks.tpch.data import Tables


def q01(pd: Any, tables: Tables) -> Any:
    """Pricing summary report: totals per return flag and line status."""
    lineitem = tables.read(pd, "lineitem")

    shipped = lineitem[lineitem["l_shipdate"] <= pd.Timestamp("1998-09-02")].copy()
    shipped["disc_price"] = shipped["l_extendedprice"] * (1 - shipped["l_discount"])
    shipped["charge"] = shipped["disc_price"] * (1 + shipped["l_tax"])
    summary = shipped.groupby(["l_returnflag", "l_linestatus"], as_index=False).agg(
        sum_qty=("l_quantity", "sum"),
        sum_base_price=("l_extendedprice", "sum"),
        sum_disc_price=("disc_price", "sum"),
        sum_charge=("charge", "sum"),
        avg_qty=("l_quantity", "mean"),
        avg_price=("l_extendedprice", "mean"),
        avg_disc=("l_discount", "mean"),
        count_order=("l_quantity", "size"),
    )
    return summary.sort_values(["l_returnflag", "l_linestatus"], ignore_index=True)


def q02(pd: Any, tables: Tables) -> Any:
    """Minimum cost supplier: who sells a European part of size 15 in brass at its least cost."""
    part = tables.read(pd, "part")
    supplier = tables.read(pd, "supplier")
    partsupp = tables.read(pd, "partsupp")
    nation = tables.read(pd, "nation")
    region = tables.read(pd, "region")

    europe = region[region["r_name"] == "EUROPE"]
    suppliers = supplier.merge(nation, left_on="s_nationkey", right_on="n_nationkey").merge(
        europe, left_on="n_regionkey", right_on="r_regionkey"
    )
    parts = part[(part["p_size"] == 15) & part["p_type"].str.endswith("BRASS")]
    offers = parts.merge(partsupp, left_on="p_partkey", right_on="ps_partkey").merge(
        suppliers, left_on="ps_suppkey", right_on="s_suppkey"
    )
    least = offers.groupby("p_partkey", as_index=False).agg(ps_supplycost=("ps_supplycost", "min"))
    best = offers.merge(least, on=["p_partkey", "ps_supplycost"])
    best = best.sort_values(
        ["s_acctbal", "n_name", "s_name", "p_partkey"], ascending=[False, True, True, True]
    )
    columns = ["s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr"]
    columns += ["s_address", "s_phone", "s_comment"]
    return best[columns].head(100).reset_index(drop=True)


def q03(pd: Any, tables: Tables) -> Any:
    """Shipping priority: the ten unshipped orders of the largest revenue."""
    customer = tables.read(pd, "customer")
    orders = tables.read(pd, "orders")
    lineitem = tables.read(pd, "lineitem")

    date = pd.Timestamp("1995-03-15")
    builders = customer[customer["c_mktsegment"] == "BUILDING"]
    placed = orders[orders["o_orderdate"] < date]
    unshipped = lineitem[lineitem["l_shipdate"] > date]
    lines = builders.merge(placed, left_on="c_custkey", right_on="o_custkey").merge(
        unshipped, left_on="o_orderkey", right_on="l_orderkey"
    )
    lines["revenue"] = lines["l_extendedprice"] * (1 - lines["l_discount"])
    keys = ["l_orderkey", "o_orderdate", "o_shippriority"]
    revenue = lines.groupby(keys, as_index=False)["revenue"].sum()
    top = revenue.sort_values(["revenue", "o_orderdate"], ascending=[False, True]).head(10)
    columns = ["l_orderkey", "revenue", "o_orderdate", "o_shippriority"]
    return top[columns].reset_index(drop=True)


def q04(pd: Any, tables: Tables) -> Any:
    """Order priority checking: orders of a quarter that have a late line, by priority."""
    orders = tables.read(pd, "orders")
    lineitem = tables.read(pd, "lineitem")

    late = lineitem[lineitem["l_commitdate"] < lineitem["l_receiptdate"]]
    quarter = orders[
        (orders["o_orderdate"] >= pd.Timestamp("1993-07-01"))
        & (orders["o_orderdate"] < pd.Timestamp("1993-10-01"))
    ]
    affected = quarter[quarter["o_orderkey"].isin(late["l_orderkey"])]
    counts = affected.groupby("o_orderpriority", as_index=False).agg(
        order_count=("o_orderkey", "count")
    )
    return counts.sort_values("o_orderpriority", ignore_index=True)


def q05(pd: Any, tables: Tables) -> Any:
    """Local supplier volume: revenue of Asian suppliers from customers of their own nation."""
    customer = tables.read(pd, "customer")
    orders = tables.read(pd, "orders")
    lineitem = tables.read(pd, "lineitem")
    supplier = tables.read(pd, "supplier")
    nation = tables.read(pd, "nation")
    region = tables.read(pd, "region")

    asia = region[region["r_name"] == "ASIA"]
    nations = nation.merge(asia, left_on="n_regionkey", right_on="r_regionkey")
    year = orders[
        (orders["o_orderdate"] >= pd.Timestamp("1994-01-01"))
        & (orders["o_orderdate"] < pd.Timestamp("1995-01-01"))
    ]
    lines = (
        customer.merge(nations, left_on="c_nationkey", right_on="n_nationkey")
        .merge(year, left_on="c_custkey", right_on="o_custkey")
        .merge(lineitem, left_on="o_orderkey", right_on="l_orderkey")
        .merge(
            supplier,
            left_on=["l_suppkey", "c_nationkey"],
            right_on=["s_suppkey", "s_nationkey"],
        )
    )
    lines["revenue"] = lines["l_extendedprice"] * (1 - lines["l_discount"])
    revenue = lines.groupby("n_name", as_index=False)["revenue"].sum()
    return revenue.sort_values("revenue", ascending=False, ignore_index=True)


def q06(pd: Any, tables: Tables) -> Any:
    """Forecasting revenue change: what small discounts cost in one year."""
    lineitem = tables.read(pd, "lineitem")

    selected = lineitem[
        (lineitem["l_shipdate"] >= pd.Timestamp("1994-01-01"))
        & (lineitem["l_shipdate"] < pd.Timestamp("1995-01-01"))
        & lineitem["l_discount"].between(0.05, 0.07)
        & (lineitem["l_quantity"] < 24)
    ]
    revenue = (selected["l_extendedprice"] * selected["l_discount"]).sum()
    return pd.DataFrame({"revenue": [revenue]})


def q07(pd: Any, tables: Tables) -> Any:
    """Volume shipping between France and Germany, by direction and year."""
    supplier = tables.read(pd, "supplier")
    lineitem = tables.read(pd, "lineitem")
    orders = tables.read(pd, "orders")
    customer = tables.read(pd, "customer")
    nation = tables.read(pd, "nation")

    pair = nation[nation["n_name"].isin(["FRANCE", "GERMANY"])][["n_nationkey", "n_name"]]
    sellers = supplier.merge(pair, left_on="s_nationkey", right_on="n_nationkey")
    sellers = sellers.rename(columns={"n_name": "supp_nation"})[["s_suppkey", "supp_nation"]]
    buyers = customer.merge(pair, left_on="c_nationkey", right_on="n_nationkey")
    buyers = buyers.rename(columns={"n_name": "cust_nation"})[["c_custkey", "cust_nation"]]
    shipped = lineitem[
        (lineitem["l_shipdate"] >= pd.Timestamp("1995-01-01"))
        & (lineitem["l_shipdate"] <= pd.Timestamp("1996-12-31"))
    ]
    lines = (
        shipped.merge(sellers, left_on="l_suppkey", right_on="s_suppkey")
        .merge(orders, left_on="l_orderkey", right_on="o_orderkey")
        .merge(buyers, left_on="o_custkey", right_on="c_custkey")
    )
    lines = lines[lines["supp_nation"] != lines["cust_nation"]].copy()
    lines["l_year"] = lines["l_shipdate"].dt.year
    lines["volume"] = lines["l_extendedprice"] * (1 - lines["l_discount"])
    keys = ["supp_nation", "cust_nation", "l_year"]
    revenue = lines.groupby(keys, as_index=False).agg(revenue=("volume", "sum"))
    return revenue.sort_values(keys, ignore_index=True)


def q08(pd: Any, tables: Tables) -> Any:
    """National market share: Brazil's part of America's orders of one kind of steel, by year."""
    part = tables.read(pd, "part")
    supplier = tables.read(pd, "supplier")
    lineitem = tables.read(pd, "lineitem")
    orders = tables.read(pd, "orders")
    customer = tables.read(pd, "customer")
    nation = tables.read(pd, "nation")
    region = tables.read(pd, "region")

    steel = part[part["p_type"] == "ECONOMY ANODIZED STEEL"]
    america = region[region["r_name"] == "AMERICA"]
    american = nation.merge(america, left_on="n_regionkey", right_on="r_regionkey")
    american = american[["n_nationkey"]]
    customers = customer.merge(american, left_on="c_nationkey", right_on="n_nationkey")
    placed = orders[
        (orders["o_orderdate"] >= pd.Timestamp("1995-01-01"))
        & (orders["o_orderdate"] <= pd.Timestamp("1996-12-31"))
    ]
    sellers = supplier.merge(nation, left_on="s_nationkey", right_on="n_nationkey")
    lines = (
        steel.merge(lineitem, left_on="p_partkey", right_on="l_partkey")
        .merge(placed, left_on="l_orderkey", right_on="o_orderkey")
        .merge(customers[["c_custkey"]], left_on="o_custkey", right_on="c_custkey")
        .merge(sellers[["s_suppkey", "n_name"]], left_on="l_suppkey", right_on="s_suppkey")
    )
    lines["o_year"] = lines["o_orderdate"].dt.year
    lines["volume"] = lines["l_extendedprice"] * (1 - lines["l_discount"])
    lines["brazil"] = lines["volume"].where(lines["n_name"] == "BRAZIL", 0.0)
    years = lines.groupby("o_year", as_index=False).agg(
        brazil=("brazil", "sum"), volume=("volume", "sum")
    )
    years["mkt_share"] = years["brazil"] / years["volume"]
    return years[["o_year", "mkt_share"]].sort_values("o_year", ignore_index=True)


def q09(pd: Any, tables: Tables) -> Any:
    """Product type profit measure: profit on green parts by nation and year."""
    part = tables.read(pd, "part")
    supplier = tables.read(pd, "supplier")
    lineitem = tables.read(pd, "lineitem")
    partsupp = tables.read(pd, "partsupp")
    orders = tables.read(pd, "orders")
    nation = tables.read(pd, "nation")

    green = part[part["p_name"].str.contains("green", regex=False)]
    lines = (
        green.merge(lineitem, left_on="p_partkey", right_on="l_partkey")
        .merge(supplier, left_on="l_suppkey", right_on="s_suppkey")
        .merge(
            partsupp,
            left_on=["l_partkey", "l_suppkey"],
            right_on=["ps_partkey", "ps_suppkey"],
        )
        .merge(orders, left_on="l_orderkey", right_on="o_orderkey")
        .merge(nation, left_on="s_nationkey", right_on="n_nationkey")
    )
    lines["o_year"] = lines["o_orderdate"].dt.year
    price = lines["l_extendedprice"] * (1 - lines["l_discount"])
    lines["amount"] = price - lines["ps_supplycost"] * lines["l_quantity"]
    lines = lines.rename(columns={"n_name": "nation"})
    profit = lines.groupby(["nation", "o_year"], as_index=False).agg(sum_profit=("amount", "sum"))
    return profit.sort_values(["nation", "o_year"], ascending=[True, False], ignore_index=True)


def q10(pd: Any, tables: Tables) -> Any:
    """Returned item reporting: the twenty customers that lost the most revenue by returns."""
    customer = tables.read(pd, "customer")
    orders = tables.read(pd, "orders")
    lineitem = tables.read(pd, "lineitem")
    nation = tables.read(pd, "nation")

    quarter = orders[
        (orders["o_orderdate"] >= pd.Timestamp("1993-10-01"))
        & (orders["o_orderdate"] < pd.Timestamp("1994-01-01"))
    ]
    returned = lineitem[lineitem["l_returnflag"] == "R"]
    lines = (
        customer.merge(quarter, left_on="c_custkey", right_on="o_custkey")
        .merge(returned, left_on="o_orderkey", right_on="l_orderkey")
        .merge(nation, left_on="c_nationkey", right_on="n_nationkey")
    )
    lines["revenue"] = lines["l_extendedprice"] * (1 - lines["l_discount"])
    keys = ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"]
    lost = lines.groupby(keys, as_index=False).agg(revenue=("revenue", "sum"))
    columns = ["c_custkey", "c_name", "revenue", "c_acctbal", "n_name"]
    columns += ["c_address", "c_phone", "c_comment"]
    top = lost[columns].sort_values("revenue", ascending=False)
    return top.head(20).reset_index(drop=True)


def q11(pd: Any, tables: Tables) -> Any:
    """Important stock identification: parts that hold a notable share of Germany's stock."""
    partsupp = tables.read(pd, "partsupp")
    supplier = tables.read(pd, "supplier")
    nation = tables.read(pd, "nation")

    germany = nation[nation["n_name"] == "GERMANY"]
    stock = partsupp.merge(supplier, left_on="ps_suppkey", right_on="s_suppkey").merge(
        germany, left_on="s_nationkey", right_on="n_nationkey"
    )
    stock["value"] = stock["ps_supplycost"] * stock["ps_availqty"]
    threshold = stock["value"].sum() * 0.0001 / tables.scale_factor
    parts = stock.groupby("ps_partkey", as_index=False)["value"].sum()
    important = parts[parts["value"] > threshold]
    return important.sort_values("value", ascending=False, ignore_index=True)
