{#- Days without a session after which a user is gone: on the last of them, at its end. -#}
{% macro days_away() %} {{ return(28) }} {% endmacro %}
