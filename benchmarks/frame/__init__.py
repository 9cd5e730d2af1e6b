"""The questions of the dataframe benchmark: relational, pipelines, functions, small frames."""
