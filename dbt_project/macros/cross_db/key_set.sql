{#-
    A set of keys as bits: whether a value may be among them, judged while the storage is read.

    Only DuckDB needs it: it compares with a list one after the other, and a join reads every column of a row before it
    decides. A key sets one of 262,144 bits, by its hash, so that a few values pass that are no keys: a join still decides.
    Of many keys there is no set, and everything passes: it would cost more than it keeps away.
-#}
{% macro key_set(key, type) %}
    {% set bits = "bitstring_agg(cast(hash(cast(" ~ key ~ " as " ~ type ~ ")) % 262144 as integer), 0, 262143)" %}
    {{ return("case when count(*) <= 5000 then coalesce(" ~ bits ~ ", bitstring('0', 262144)) end") }}
{% endmacro %}

{#- The condition that a value may be in the set that `variable` holds; the type decides the hash. -#}
{% macro in_key_set(value, type, variable) %}
    {% set known = "getvariable('" ~ variable ~ "')" %}
    {% set bit = "get_bit(" ~ known ~ ", cast(hash(cast(" ~ value ~ " as " ~ type ~ ")) % 262144 as integer))" %}
    {{ return("(" ~ known ~ " is null or " ~ bit ~ " = 1)") }}
{% endmacro %}
