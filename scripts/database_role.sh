#!/bin/sh
# Run once by the database's container, when its volume is new: the chat's own role and database. It is no superuser, so
# that it can't use up the connections that PostgreSQL keeps for its operator.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/postgres_password)" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'END'
CREATE ROLE chat LOGIN PASSWORD :'password';
CREATE DATABASE chat OWNER chat;
END
