"""TPC-H queries 12 to 22 in the pandas API; ``pd`` is pandas or a module that stands in for it.

Every function reads the tables that it needs and returns a DataFrame with the columns, rows and
order that the specification asks for.
"""

from __future__ import annotations

from typing import Any

from benchmarks.tpch.data import Tables


def q12(pd: Any, tables: Tables) -> Any:
    """Shipping modes and order priority: late lines by mail and ship, urgent or not."""
    orders = tables.read(pd, "orders")
    lineitem = tables.read(pd, "lineitem")

    late = lineitem[
        lineitem["l_shipmode"].isin(["MAIL", "SHIP"])
        & (lineitem["l_commitdate"] < lineitem["l_receiptdate"])
        & (lineitem["l_shipdate"] < lineitem["l_commitdate"])
        & (lineitem["l_receiptdate"] >= pd.Timestamp("1994-01-01"))
        & (lineitem["l_receiptdate"] < pd.Timestamp("1995-01-01"))
    ]
    lines = orders.merge(late, left_on="o_orderkey", right_on="l_orderkey")
    urgent = lines["o_orderpriority"].isin(["1-URGENT", "2-HIGH"])
    lines["high"] = urgent.astype("int64")
    lines["low"] = (~urgent).astype("int64")
    counts = lines.groupby("l_shipmode", as_index=False).agg(
        high_line_count=("high", "sum"), low_line_count=("low", "sum")
    )
    return counts.sort_values("l_shipmode", ignore_index=True)


def q13(pd: Any, tables: Tables) -> Any:
    """Customer distribution: how many customers have how many orders."""
    customer = tables.read(pd, "customer")
    orders = tables.read(pd, "orders")

    usual = orders[~orders["o_comment"].str.contains("special.*requests")]
    placed = customer.merge(usual, how="left", left_on="c_custkey", right_on="o_custkey")
    per_customer = placed.groupby("c_custkey", as_index=False).agg(c_count=("o_orderkey", "count"))
    distribution = per_customer.groupby("c_count", as_index=False).agg(
        custdist=("c_custkey", "size")
    )
    return distribution.sort_values(
        ["custdist", "c_count"], ascending=[False, False], ignore_index=True
    )


def q14(pd: Any, tables: Tables) -> Any:
    """Promotion effect: promoted parts' share of one month's revenue, in percent."""
    lineitem = tables.read(pd, "lineitem")
    part = tables.read(pd, "part")

    month = lineitem[
        (lineitem["l_shipdate"] >= pd.Timestamp("1995-09-01"))
        & (lineitem["l_shipdate"] < pd.Timestamp("1995-10-01"))
    ]
    lines = month.merge(part, left_on="l_partkey", right_on="p_partkey")
    lines["revenue"] = lines["l_extendedprice"] * (1 - lines["l_discount"])
    promoted = lines[lines["p_type"].str.startswith("PROMO")]
    share = 100 * promoted["revenue"].sum() / lines["revenue"].sum()
    return pd.DataFrame({"promo_revenue": [share]})


def q15(pd: Any, tables: Tables) -> Any:
    """Top supplier: who brought the most revenue in a quarter."""
    lineitem = tables.read(pd, "lineitem")
    supplier = tables.read(pd, "supplier")

    quarter = lineitem[
        (lineitem["l_shipdate"] >= pd.Timestamp("1996-01-01"))
        & (lineitem["l_shipdate"] < pd.Timestamp("1996-04-01"))
    ].copy()
    quarter["total_revenue"] = quarter["l_extendedprice"] * (1 - quarter["l_discount"])
    revenue = quarter.groupby("l_suppkey", as_index=False)["total_revenue"].sum()
    top = revenue[revenue["total_revenue"] == revenue["total_revenue"].max()]
    suppliers = supplier.merge(top, left_on="s_suppkey", right_on="l_suppkey")
    columns = ["s_suppkey", "s_name", "s_address", "s_phone", "total_revenue"]
    return suppliers[columns].sort_values("s_suppkey", ignore_index=True)


def q16(pd: Any, tables: Tables) -> Any:
    """Parts/supplier relationship: how many reliable suppliers offer a kind of part."""
    partsupp = tables.read(pd, "partsupp")
    part = tables.read(pd, "part")
    supplier = tables.read(pd, "supplier")

    parts = part[
        (part["p_brand"] != "Brand#45")
        & ~part["p_type"].str.startswith("MEDIUM POLISHED")
        & part["p_size"].isin([49, 14, 23, 45, 19, 3, 36, 9])
    ]
    complained = supplier[supplier["s_comment"].str.contains("Customer.*Complaints")]
    offers = partsupp[~partsupp["ps_suppkey"].isin(complained["s_suppkey"])]
    lines = parts.merge(offers, left_on="p_partkey", right_on="ps_partkey")
    keys = ["p_brand", "p_type", "p_size"]
    counts = lines.groupby(keys, as_index=False).agg(supplier_cnt=("ps_suppkey", "nunique"))
    return counts.sort_values(
        ["supplier_cnt", *keys], ascending=[False, True, True, True], ignore_index=True
    )


def q17(pd: Any, tables: Tables) -> Any:
    """Small-quantity-order revenue: a year's average revenue of unusually small orders."""
    lineitem = tables.read(pd, "lineitem")
    part = tables.read(pd, "part")

    parts = part[(part["p_brand"] == "Brand#23") & (part["p_container"] == "MED BOX")]
    lines = lineitem.merge(parts, left_on="l_partkey", right_on="p_partkey")
    usual = lines.groupby("l_partkey", as_index=False).agg(avg_quantity=("l_quantity", "mean"))
    lines = lines.merge(usual, on="l_partkey")
    small = lines[lines["l_quantity"] < 0.2 * lines["avg_quantity"]]
    return pd.DataFrame({"avg_yearly": [small["l_extendedprice"].sum() / 7.0]})


def q18(pd: Any, tables: Tables) -> Any:
    """Large volume customer: the hundred dearest orders of more than 300 items."""
    customer = tables.read(pd, "customer")
    orders = tables.read(pd, "orders")
    lineitem = tables.read(pd, "lineitem")

    per_order = lineitem.groupby("l_orderkey", as_index=False)["l_quantity"].sum()
    large = per_order[per_order["l_quantity"] > 300]
    lines = (
        orders[orders["o_orderkey"].isin(large["l_orderkey"])]
        .merge(lineitem, left_on="o_orderkey", right_on="l_orderkey")
        .merge(customer, left_on="o_custkey", right_on="c_custkey")
    )
    keys = ["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice"]
    volume = lines.groupby(keys, as_index=False).agg(sum_quantity=("l_quantity", "sum"))
    top = volume.sort_values(["o_totalprice", "o_orderdate"], ascending=[False, True])
    return top.head(100).reset_index(drop=True)


def q19(pd: Any, tables: Tables) -> Any:
    """Discounted revenue of three kinds of parts, shipped by air and delivered in person."""
    lineitem = tables.read(pd, "lineitem")
    part = tables.read(pd, "part")

    by_air = lineitem[
        lineitem["l_shipmode"].isin(["AIR", "AIR REG"])
        & (lineitem["l_shipinstruct"] == "DELIVER IN PERSON")
    ]
    lines = by_air.merge(part, left_on="l_partkey", right_on="p_partkey")
    small = (
        (lines["p_brand"] == "Brand#12")
        & lines["p_container"].isin(["SM CASE", "SM BOX", "SM PACK", "SM PKG"])
        & lines["l_quantity"].between(1, 11)
        & lines["p_size"].between(1, 5)
    )
    medium = (
        (lines["p_brand"] == "Brand#23")
        & lines["p_container"].isin(["MED BAG", "MED BOX", "MED PKG", "MED PACK"])
        & lines["l_quantity"].between(10, 20)
        & lines["p_size"].between(1, 10)
    )
    large = (
        (lines["p_brand"] == "Brand#34")
        & lines["p_container"].isin(["LG CASE", "LG BOX", "LG PACK", "LG PKG"])
        & lines["l_quantity"].between(20, 30)
        & lines["p_size"].between(1, 15)
    )
    chosen = lines[small | medium | large]
    revenue = (chosen["l_extendedprice"] * (1 - chosen["l_discount"])).sum()
    return pd.DataFrame({"revenue": [revenue]})


def q20(pd: Any, tables: Tables) -> Any:
    """Potential part promotion: Canadian suppliers with an excess of forest parts."""
    supplier = tables.read(pd, "supplier")
    nation = tables.read(pd, "nation")
    partsupp = tables.read(pd, "partsupp")
    part = tables.read(pd, "part")
    lineitem = tables.read(pd, "lineitem")

    year = lineitem[
        (lineitem["l_shipdate"] >= pd.Timestamp("1994-01-01"))
        & (lineitem["l_shipdate"] < pd.Timestamp("1995-01-01"))
    ]
    shipped = year.groupby(["l_partkey", "l_suppkey"], as_index=False)["l_quantity"].sum()
    forest = part[part["p_name"].str.startswith("forest")]
    offers = partsupp[partsupp["ps_partkey"].isin(forest["p_partkey"])].merge(
        shipped, left_on=["ps_partkey", "ps_suppkey"], right_on=["l_partkey", "l_suppkey"]
    )
    excess = offers[offers["ps_availqty"] > 0.5 * offers["l_quantity"]]
    canada = nation[nation["n_name"] == "CANADA"]
    suppliers = supplier.merge(canada, left_on="s_nationkey", right_on="n_nationkey")
    suppliers = suppliers[suppliers["s_suppkey"].isin(excess["ps_suppkey"])]
    return suppliers[["s_name", "s_address"]].sort_values("s_name", ignore_index=True)


def q21(pd: Any, tables: Tables) -> Any:
    """Suppliers who kept orders waiting: Saudi suppliers that alone failed a shared order."""
    supplier = tables.read(pd, "supplier")
    lineitem = tables.read(pd, "lineitem")
    orders = tables.read(pd, "orders")
    nation = tables.read(pd, "nation")

    late = lineitem[lineitem["l_receiptdate"] > lineitem["l_commitdate"]]
    suppliers_of = lineitem.groupby("l_orderkey", as_index=False).agg(
        suppliers=("l_suppkey", "nunique")
    )
    late_of = late.groupby("l_orderkey", as_index=False).agg(
        late_suppliers=("l_suppkey", "nunique")
    )
    shared = suppliers_of[suppliers_of["suppliers"] > 1]
    failed_by_one = late_of[late_of["late_suppliers"] == 1]
    finished = orders[orders["o_orderstatus"] == "F"]
    saudi = nation[nation["n_name"] == "SAUDI ARABIA"]
    sellers = supplier.merge(saudi, left_on="s_nationkey", right_on="n_nationkey")
    lines = late.merge(sellers, left_on="l_suppkey", right_on="s_suppkey")
    lines = lines[lines["l_orderkey"].isin(finished["o_orderkey"])]
    lines = lines.merge(shared, on="l_orderkey").merge(failed_by_one, on="l_orderkey")
    waits = lines.groupby("s_name", as_index=False).agg(numwait=("l_orderkey", "size"))
    top = waits.sort_values(["numwait", "s_name"], ascending=[False, True])
    return top.head(100).reset_index(drop=True)


def q22(pd: Any, tables: Tables) -> Any:
    """Global sales opportunity: well-off customers of seven countries who never ordered."""
    customer = tables.read(pd, "customer")
    orders = tables.read(pd, "orders")

    customer["cntrycode"] = customer["c_phone"].str[:2]
    codes = ["13", "31", "23", "29", "30", "18", "17"]
    chosen = customer[customer["cntrycode"].isin(codes)]
    average = chosen[chosen["c_acctbal"] > 0.0]["c_acctbal"].mean()
    idle = chosen[(chosen["c_acctbal"] > average) & ~chosen["c_custkey"].isin(orders["o_custkey"])]
    result = idle.groupby("cntrycode", as_index=False).agg(
        numcust=("c_acctbal", "size"), totacctbal=("c_acctbal", "sum")
    )
    return result.sort_values("cntrycode", ignore_index=True)
