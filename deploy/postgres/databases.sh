#!/bin/sh
# Run once by the PostgreSQL image, when its data folder is new: a role and a database of its own for each service.
set -eu
for role in state dagster warehouse metabase; do
  # Ids are compared as bytes, on every engine: hence the locale. psql reads the password itself and quotes it, so that
  # it stands in no list of processes.
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<SQL
\\set secret \`cat ${SECRETS:-/run/secrets}/${role}_password\`
create role $role login password :'secret';
create database $role owner $role encoding 'UTF8' locale 'C' template template0;
revoke all on database $role from public;
SQL
done
