{#-
    How to keep what only picks and names events: a view, where readers open a copy of it (DuckDB), and a table where
    they read the thing itself (PostgreSQL).
-#}
{% macro view_or_table() %} {{ return("view" if target.type == "duckdb" else "table") }}{% endmacro %}
