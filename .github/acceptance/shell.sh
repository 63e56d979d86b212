# The shell of the workflow's steps: the engine, whose checksum is known, and the project's packages first on PATH.
PATH=$(python3 -m toolchain engine):$PWD/.venv/bin:$PATH exec bash --noprofile --norc -eo pipefail "$@"
