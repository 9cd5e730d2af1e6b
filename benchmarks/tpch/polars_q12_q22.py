"""TPC-H queries 12 to 22 for Polars, translated by hand from the pandas text step by step.

Every function returns a LazyFrame; collect it with ``engine="streaming"``.
"""

from __future__ import annotations

from datetime import date

import polars as pl
from polars import col

from benchmarks.tpch.data import Tables
from benchmarks.tpch.polars_q01_q11 import scan


def q12(tables: Tables) -> pl.LazyFrame:
    """Shipping modes and order priority."""
    late = scan(tables, "lineitem").filter(
        col("l_shipmode").is_in(["MAIL", "SHIP"])
        & (col("l_commitdate") < col("l_receiptdate"))
        & (col("l_shipdate") < col("l_commitdate"))
        & (col("l_receiptdate") >= date(1994, 1, 1))
        & (col("l_receiptdate") < date(1995, 1, 1))
    )
    urgent = col("o_orderpriority").is_in(["1-URGENT", "2-HIGH"])
    return (
        scan(tables, "orders")
        .join(late, left_on="o_orderkey", right_on="l_orderkey")
        .with_columns(high=urgent.cast(pl.Int64), low=(~urgent).cast(pl.Int64))
        .group_by("l_shipmode")
        .agg(high_line_count=col("high").sum(), low_line_count=col("low").sum())
        .sort("l_shipmode")
    )


def q13(tables: Tables) -> pl.LazyFrame:
    """Customer distribution."""
    usual = scan(tables, "orders").filter(~col("o_comment").str.contains("special.*requests"))
    return (
        scan(tables, "customer")
        .join(usual, how="left", left_on="c_custkey", right_on="o_custkey")
        .group_by("c_custkey")
        .agg(c_count=col("o_orderkey").count())
        .group_by("c_count")
        .agg(custdist=pl.len())
        .sort(["custdist", "c_count"], descending=True)
    )


def q14(tables: Tables) -> pl.LazyFrame:
    """Promotion effect."""
    month = scan(tables, "lineitem").filter(
        (col("l_shipdate") >= date(1995, 9, 1)) & (col("l_shipdate") < date(1995, 10, 1))
    )
    promoted = col("revenue").filter(col("p_type").str.starts_with("PROMO"))
    return (
        month.join(scan(tables, "part"), left_on="l_partkey", right_on="p_partkey")
        .with_columns(revenue=col("l_extendedprice") * (1 - col("l_discount")))
        .select(promo_revenue=100 * promoted.sum() / col("revenue").sum())
    )


def q15(tables: Tables) -> pl.LazyFrame:
    """Top supplier."""
    top = (
        scan(tables, "lineitem")
        .filter((col("l_shipdate") >= date(1996, 1, 1)) & (col("l_shipdate") < date(1996, 4, 1)))
        .with_columns(total_revenue=col("l_extendedprice") * (1 - col("l_discount")))
        .group_by("l_suppkey")
        .agg(col("total_revenue").sum())
        .filter(col("total_revenue") == col("total_revenue").max())
    )
    return (
        scan(tables, "supplier")
        .join(top, left_on="s_suppkey", right_on="l_suppkey")
        .select("s_suppkey", "s_name", "s_address", "s_phone", "total_revenue")
        .sort("s_suppkey")
    )


def q16(tables: Tables) -> pl.LazyFrame:
    """Parts/supplier relationship."""
    parts = scan(tables, "part").filter(
        (col("p_brand") != "Brand#45")
        & ~col("p_type").str.starts_with("MEDIUM POLISHED")
        & col("p_size").is_in([49, 14, 23, 45, 19, 3, 36, 9])
    )
    complained = scan(tables, "supplier").filter(
        col("s_comment").str.contains("Customer.*Complaints")
    )
    offers = scan(tables, "partsupp").join(
        complained, left_on="ps_suppkey", right_on="s_suppkey", how="anti"
    )
    keys = ["p_brand", "p_type", "p_size"]
    return (
        parts.join(offers, left_on="p_partkey", right_on="ps_partkey")
        .group_by(keys)
        .agg(supplier_cnt=col("ps_suppkey").n_unique())
        .sort(["supplier_cnt", *keys], descending=[True, False, False, False])
    )


def q17(tables: Tables) -> pl.LazyFrame:
    """Small-quantity-order revenue."""
    parts = scan(tables, "part").filter(
        (col("p_brand") == "Brand#23") & (col("p_container") == "MED BOX")
    )
    lines = scan(tables, "lineitem").join(parts, left_on="l_partkey", right_on="p_partkey")
    usual = lines.group_by("l_partkey").agg(avg_quantity=col("l_quantity").mean())
    return (
        lines.join(usual, on="l_partkey")
        .filter(col("l_quantity") < 0.2 * col("avg_quantity"))
        .select(avg_yearly=col("l_extendedprice").sum() / 7.0)
    )


def q18(tables: Tables) -> pl.LazyFrame:
    """Large volume customer."""
    lineitem = scan(tables, "lineitem")
    large = (
        lineitem.group_by("l_orderkey").agg(col("l_quantity").sum()).filter(col("l_quantity") > 300)
    )
    keys = ["c_name", "o_custkey", "o_orderkey", "o_orderdate", "o_totalprice"]
    return (
        scan(tables, "orders")
        .join(large, left_on="o_orderkey", right_on="l_orderkey", how="semi")
        .join(lineitem, left_on="o_orderkey", right_on="l_orderkey")
        .join(scan(tables, "customer"), left_on="o_custkey", right_on="c_custkey")
        .group_by(keys)
        .agg(sum_quantity=col("l_quantity").sum())
        .rename({"o_custkey": "c_custkey"})
        .sort(["o_totalprice", "o_orderdate"], descending=[True, False])
        .head(100)
    )


def q19(tables: Tables) -> pl.LazyFrame:
    """Discounted revenue."""
    by_air = scan(tables, "lineitem").filter(
        col("l_shipmode").is_in(["AIR", "AIR REG"]) & (col("l_shipinstruct") == "DELIVER IN PERSON")
    )
    small = (
        (col("p_brand") == "Brand#12")
        & col("p_container").is_in(["SM CASE", "SM BOX", "SM PACK", "SM PKG"])
        & col("l_quantity").is_between(1, 11)
        & col("p_size").is_between(1, 5)
    )
    medium = (
        (col("p_brand") == "Brand#23")
        & col("p_container").is_in(["MED BAG", "MED BOX", "MED PKG", "MED PACK"])
        & col("l_quantity").is_between(10, 20)
        & col("p_size").is_between(1, 10)
    )
    large = (
        (col("p_brand") == "Brand#34")
        & col("p_container").is_in(["LG CASE", "LG BOX", "LG PACK", "LG PKG"])
        & col("l_quantity").is_between(20, 30)
        & col("p_size").is_between(1, 15)
    )
    return (
        by_air.join(scan(tables, "part"), left_on="l_partkey", right_on="p_partkey")
        .filter(small | medium | large)
        .select(revenue=(col("l_extendedprice") * (1 - col("l_discount"))).sum())
    )


def q20(tables: Tables) -> pl.LazyFrame:
    """Potential part promotion."""
    shipped = (
        scan(tables, "lineitem")
        .filter((col("l_shipdate") >= date(1994, 1, 1)) & (col("l_shipdate") < date(1995, 1, 1)))
        .group_by("l_partkey", "l_suppkey")
        .agg(col("l_quantity").sum())
    )
    forest = scan(tables, "part").filter(col("p_name").str.starts_with("forest"))
    excess = (
        scan(tables, "partsupp")
        .join(forest, left_on="ps_partkey", right_on="p_partkey", how="semi")
        .join(
            shipped,
            left_on=["ps_partkey", "ps_suppkey"],
            right_on=["l_partkey", "l_suppkey"],
        )
        .filter(col("ps_availqty") > 0.5 * col("l_quantity"))
    )
    canada = scan(tables, "nation").filter(col("n_name") == "CANADA")
    return (
        scan(tables, "supplier")
        .join(canada, left_on="s_nationkey", right_on="n_nationkey")
        .join(excess, left_on="s_suppkey", right_on="ps_suppkey", how="semi")
        .select("s_name", "s_address")
        .sort("s_name")
    )


def q21(tables: Tables) -> pl.LazyFrame:
    """Suppliers who kept orders waiting."""
    lineitem = scan(tables, "lineitem")
    late = lineitem.filter(col("l_receiptdate") > col("l_commitdate"))
    shared = (
        lineitem.group_by("l_orderkey")
        .agg(suppliers=col("l_suppkey").n_unique())
        .filter(col("suppliers") > 1)
    )
    failed_by_one = (
        late.group_by("l_orderkey")
        .agg(late_suppliers=col("l_suppkey").n_unique())
        .filter(col("late_suppliers") == 1)
    )
    finished = scan(tables, "orders").filter(col("o_orderstatus") == "F")
    saudi = scan(tables, "nation").filter(col("n_name") == "SAUDI ARABIA")
    sellers = scan(tables, "supplier").join(saudi, left_on="s_nationkey", right_on="n_nationkey")
    return (
        late.join(sellers, left_on="l_suppkey", right_on="s_suppkey")
        .join(finished, left_on="l_orderkey", right_on="o_orderkey", how="semi")
        .join(shared, on="l_orderkey")
        .join(failed_by_one, on="l_orderkey")
        .group_by("s_name")
        .agg(numwait=pl.len())
        .sort(["numwait", "s_name"], descending=[True, False])
        .head(100)
    )


def q22(tables: Tables) -> pl.LazyFrame:
    """Global sales opportunity."""
    codes = ["13", "31", "23", "29", "30", "18", "17"]
    chosen = (
        scan(tables, "customer")
        .with_columns(cntrycode=col("c_phone").str.slice(0, 2))
        .filter(col("cntrycode").is_in(codes))
    )
    average = col("c_acctbal").filter(col("c_acctbal") > 0.0).mean()
    return (
        chosen.filter(col("c_acctbal") > average)
        .join(scan(tables, "orders"), left_on="c_custkey", right_on="o_custkey", how="anti")
        .group_by("cntrycode")
        .agg(numcust=pl.len(), totacctbal=col("c_acctbal").sum())
        .sort("cntrycode")
    )
