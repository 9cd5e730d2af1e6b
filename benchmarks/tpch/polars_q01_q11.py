"""TPC-H queries 1 to 11 for Polars, translated by hand from the pandas text step by step.

Every function returns a LazyFrame; collect it with ``engine="streaming"``.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import polars.selectors as cs
from polars import col

from benchmarks.tpch.data import Tables


def scan(tables: Tables, name: str) -> pl.LazyFrame:
    """A lazy table; decimals and dates become float64 and datetime, as in ``Tables.read``."""
    table = pl.scan_parquet(tables.path(name))
    if tables.variant == "plain":
        return table
    return table.with_columns(cs.decimal().cast(pl.Float64), cs.date().cast(pl.Datetime("us")))


def q01(tables: Tables) -> pl.LazyFrame:
    """Pricing summary report."""
    keys = ["l_returnflag", "l_linestatus"]
    disc_price = col("l_extendedprice") * (1 - col("l_discount"))
    return (
        scan(tables, "lineitem")
        .filter(col("l_shipdate") <= date(1998, 9, 2))
        .with_columns(disc_price=disc_price)
        .with_columns(charge=col("disc_price") * (1 + col("l_tax")))
        .group_by(keys)
        .agg(
            sum_qty=col("l_quantity").sum(),
            sum_base_price=col("l_extendedprice").sum(),
            sum_disc_price=col("disc_price").sum(),
            sum_charge=col("charge").sum(),
            avg_qty=col("l_quantity").mean(),
            avg_price=col("l_extendedprice").mean(),
            avg_disc=col("l_discount").mean(),
            count_order=pl.len(),
        )
        .sort(keys)
    )


def q02(tables: Tables) -> pl.LazyFrame:
    """Minimum cost supplier."""
    europe = scan(tables, "region").filter(col("r_name") == "EUROPE")
    suppliers = (
        scan(tables, "supplier")
        .join(scan(tables, "nation"), left_on="s_nationkey", right_on="n_nationkey")
        .join(europe, left_on="n_regionkey", right_on="r_regionkey")
    )
    parts = scan(tables, "part").filter(
        (col("p_size") == 15) & col("p_type").str.ends_with("BRASS")
    )
    offers = parts.join(scan(tables, "partsupp"), left_on="p_partkey", right_on="ps_partkey").join(
        suppliers, left_on="ps_suppkey", right_on="s_suppkey"
    )
    least = offers.group_by("p_partkey").agg(col("ps_supplycost").min())
    return (
        offers.join(least, on=["p_partkey", "ps_supplycost"])
        .sort(
            ["s_acctbal", "n_name", "s_name", "p_partkey"],
            descending=[True, False, False, False],
        )
        .select(
            *("s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr"),
            *("s_address", "s_phone", "s_comment"),
        )
        .head(100)
    )


def q03(tables: Tables) -> pl.LazyFrame:
    """Shipping priority."""
    day = date(1995, 3, 15)
    builders = scan(tables, "customer").filter(col("c_mktsegment") == "BUILDING")
    placed = scan(tables, "orders").filter(col("o_orderdate") < day)
    unshipped = scan(tables, "lineitem").filter(col("l_shipdate") > day)
    return (
        builders.join(placed, left_on="c_custkey", right_on="o_custkey")
        .join(unshipped, left_on="o_orderkey", right_on="l_orderkey")
        .with_columns(revenue=col("l_extendedprice") * (1 - col("l_discount")))
        .group_by(
            l_orderkey="o_orderkey", o_orderdate="o_orderdate", o_shippriority="o_shippriority"
        )
        .agg(col("revenue").sum())
        .sort(["revenue", "o_orderdate"], descending=[True, False])
        .head(10)
        .select("l_orderkey", "revenue", "o_orderdate", "o_shippriority")
    )


def q04(tables: Tables) -> pl.LazyFrame:
    """Order priority checking."""
    late = scan(tables, "lineitem").filter(col("l_commitdate") < col("l_receiptdate"))
    quarter = scan(tables, "orders").filter(
        (col("o_orderdate") >= date(1993, 7, 1)) & (col("o_orderdate") < date(1993, 10, 1))
    )
    return (
        quarter.join(late, left_on="o_orderkey", right_on="l_orderkey", how="semi")
        .group_by("o_orderpriority")
        .agg(order_count=col("o_orderkey").count())
        .sort("o_orderpriority")
    )


def q05(tables: Tables) -> pl.LazyFrame:
    """Local supplier volume."""
    asia = scan(tables, "region").filter(col("r_name") == "ASIA")
    nations = scan(tables, "nation").join(asia, left_on="n_regionkey", right_on="r_regionkey")
    year = scan(tables, "orders").filter(
        (col("o_orderdate") >= date(1994, 1, 1)) & (col("o_orderdate") < date(1995, 1, 1))
    )
    return (
        scan(tables, "customer")
        .join(nations, left_on="c_nationkey", right_on="n_nationkey")
        .join(year, left_on="c_custkey", right_on="o_custkey")
        .join(scan(tables, "lineitem"), left_on="o_orderkey", right_on="l_orderkey")
        .join(
            scan(tables, "supplier"),
            left_on=["l_suppkey", "c_nationkey"],
            right_on=["s_suppkey", "s_nationkey"],
        )
        .with_columns(revenue=col("l_extendedprice") * (1 - col("l_discount")))
        .group_by("n_name")
        .agg(col("revenue").sum())
        .sort("revenue", descending=True)
    )


def q06(tables: Tables) -> pl.LazyFrame:
    """Forecasting revenue change."""
    return (
        scan(tables, "lineitem")
        .filter(
            (col("l_shipdate") >= date(1994, 1, 1))
            & (col("l_shipdate") < date(1995, 1, 1))
            & col("l_discount").is_between(0.05, 0.07)
            & (col("l_quantity") < 24)
        )
        .select(revenue=(col("l_extendedprice") * col("l_discount")).sum())
    )


def q07(tables: Tables) -> pl.LazyFrame:
    """Volume shipping."""
    pair = (
        scan(tables, "nation")
        .filter(col("n_name").is_in(["FRANCE", "GERMANY"]))
        .select("n_nationkey", "n_name")
    )
    sellers = (
        scan(tables, "supplier")
        .join(pair, left_on="s_nationkey", right_on="n_nationkey")
        .select("s_suppkey", supp_nation="n_name")
    )
    buyers = (
        scan(tables, "customer")
        .join(pair, left_on="c_nationkey", right_on="n_nationkey")
        .select("c_custkey", cust_nation="n_name")
    )
    shipped = scan(tables, "lineitem").filter(
        (col("l_shipdate") >= date(1995, 1, 1)) & (col("l_shipdate") <= date(1996, 12, 31))
    )
    keys = ["supp_nation", "cust_nation", "l_year"]
    return (
        shipped.join(sellers, left_on="l_suppkey", right_on="s_suppkey")
        .join(scan(tables, "orders"), left_on="l_orderkey", right_on="o_orderkey")
        .join(buyers, left_on="o_custkey", right_on="c_custkey")
        .filter(col("supp_nation") != col("cust_nation"))
        .with_columns(
            l_year=col("l_shipdate").dt.year(),
            volume=col("l_extendedprice") * (1 - col("l_discount")),
        )
        .group_by(keys)
        .agg(revenue=col("volume").sum())
        .sort(keys)
    )


def q08(tables: Tables) -> pl.LazyFrame:
    """National market share."""
    steel = scan(tables, "part").filter(col("p_type") == "ECONOMY ANODIZED STEEL")
    america = scan(tables, "region").filter(col("r_name") == "AMERICA")
    nation = scan(tables, "nation")
    american = nation.join(america, left_on="n_regionkey", right_on="r_regionkey")
    customers = scan(tables, "customer").join(
        american.select("n_nationkey"), left_on="c_nationkey", right_on="n_nationkey"
    )
    placed = scan(tables, "orders").filter(
        (col("o_orderdate") >= date(1995, 1, 1)) & (col("o_orderdate") <= date(1996, 12, 31))
    )
    sellers = scan(tables, "supplier").join(nation, left_on="s_nationkey", right_on="n_nationkey")
    return (
        steel.join(scan(tables, "lineitem"), left_on="p_partkey", right_on="l_partkey")
        .join(placed, left_on="l_orderkey", right_on="o_orderkey")
        .join(customers.select("c_custkey"), left_on="o_custkey", right_on="c_custkey")
        .join(sellers.select("s_suppkey", "n_name"), left_on="l_suppkey", right_on="s_suppkey")
        .with_columns(
            o_year=col("o_orderdate").dt.year(),
            volume=col("l_extendedprice") * (1 - col("l_discount")),
        )
        .with_columns(brazil=pl.when(col("n_name") == "BRAZIL").then("volume").otherwise(0.0))
        .group_by("o_year")
        .agg(col("brazil").sum(), col("volume").sum())
        .select("o_year", mkt_share=col("brazil") / col("volume"))
        .sort("o_year")
    )


def q09(tables: Tables) -> pl.LazyFrame:
    """Product type profit measure."""
    green = scan(tables, "part").filter(col("p_name").str.contains("green", literal=True))
    price = col("l_extendedprice") * (1 - col("l_discount"))
    return (
        green.join(scan(tables, "lineitem"), left_on="p_partkey", right_on="l_partkey")
        .join(scan(tables, "supplier"), left_on="l_suppkey", right_on="s_suppkey")
        .join(
            scan(tables, "partsupp"),
            left_on=["p_partkey", "l_suppkey"],
            right_on=["ps_partkey", "ps_suppkey"],
        )
        .join(scan(tables, "orders"), left_on="l_orderkey", right_on="o_orderkey")
        .join(scan(tables, "nation"), left_on="s_nationkey", right_on="n_nationkey")
        .with_columns(
            o_year=col("o_orderdate").dt.year(),
            amount=price - col("ps_supplycost") * col("l_quantity"),
        )
        .rename({"n_name": "nation"})
        .group_by("nation", "o_year")
        .agg(sum_profit=col("amount").sum())
        .sort(["nation", "o_year"], descending=[False, True])
    )


def q10(tables: Tables) -> pl.LazyFrame:
    """Returned item reporting."""
    quarter = scan(tables, "orders").filter(
        (col("o_orderdate") >= date(1993, 10, 1)) & (col("o_orderdate") < date(1994, 1, 1))
    )
    returned = scan(tables, "lineitem").filter(col("l_returnflag") == "R")
    keys = ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"]
    return (
        scan(tables, "customer")
        .join(quarter, left_on="c_custkey", right_on="o_custkey")
        .join(returned, left_on="o_orderkey", right_on="l_orderkey")
        .join(scan(tables, "nation"), left_on="c_nationkey", right_on="n_nationkey")
        .with_columns(revenue=col("l_extendedprice") * (1 - col("l_discount")))
        .group_by(keys)
        .agg(col("revenue").sum())
        .select(
            *("c_custkey", "c_name", "revenue", "c_acctbal"),
            *("n_name", "c_address", "c_phone", "c_comment"),
        )
        .sort("revenue", descending=True)
        .head(20)
    )


def q11(tables: Tables) -> pl.LazyFrame:
    """Important stock identification."""
    germany = scan(tables, "nation").filter(col("n_name") == "GERMANY")
    stock = (
        scan(tables, "partsupp")
        .join(scan(tables, "supplier"), left_on="ps_suppkey", right_on="s_suppkey")
        .join(germany, left_on="s_nationkey", right_on="n_nationkey")
        .with_columns(value=col("ps_supplycost") * col("ps_availqty"))
    )
    threshold = stock.select(threshold=col("value").sum() * 0.0001 / tables.scale_factor)
    return (
        stock.group_by("ps_partkey")
        .agg(col("value").sum())
        .join(threshold, how="cross")
        .filter(col("value") > col("threshold"))
        .select("ps_partkey", "value")
        .sort("value", descending=True)
    )
