"""Run a command with a PostgreSQL and a Redis of its own: `python -m tests.support.with_services pytest ARGS`"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import RedisServer


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as postgres, RedisServer(Path(folder)) as redis:
        services = {"DATABASE_URL": postgres.url(), "REDIS_URL": redis.url}
        print("With", *(f"{name}={url}" for name, url in services.items()), flush=True)
        return subprocess.run([sys.executable, "-m", *command], env=os.environ | services, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
