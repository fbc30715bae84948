{#-
    The marketing channel that one event names, or null: the campaign's medium decides, then its source, then a
    referrer. A session's channel is that of its first event that has one (docs/decisions.md).
-#}
{% macro channel_of(medium, source, referrer) %}
    case
        when lower({{ medium }}) in ('cpc', 'ppc', 'paid', 'paid_search', 'display')
        then 'paid'
        when lower({{ medium }}) = 'email'
        then 'email'
        when lower({{ medium }}) = 'social'
        then 'social'
        when lower({{ medium }}) = 'affiliate'
        then 'affiliate'
        when lower({{ medium }}) = 'organic'
        then 'organic'
        when nullif({{ source }}, '') is not null
        then 'referral'
        when nullif({{ referrer }}, '') is not null
        then 'referral'
    end
{% endmacro %}
