"""TPC-H for dataframes: the data, the 22 queries for pandas, Polars and DuckDB, and a checker.

Written from the text of the TPC-H specification (revision 3), with its validation parameters.
This is not an audited TPC-H result and must not be compared with published ones: there are no
refresh functions, no concurrent streams, and the tables are Parquet files.
"""
