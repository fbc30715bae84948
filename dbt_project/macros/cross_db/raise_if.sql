{#- Fails the statement, and with it the model's transaction, if `query` returns a row. -#}
{% macro raise_if(query, message) %} {{ return(adapter.dispatch("raise_if")(query, message)) }}{% endmacro %}

{% macro duckdb__raise_if(query, message) %}
    {{ return("select case when exists (" ~ query ~ ") then error('" ~ message ~ "') end;\n") }}
{% endmacro %}

{% macro postgres__raise_if(query, message) %}
    {{
        return(
            "do $raise$ begin if exists ("
            ~ query
            ~ ") then raise exception '"
            ~ message
            ~ "'; end if; end $raise$;\n"
        )
    }}
{% endmacro %}
