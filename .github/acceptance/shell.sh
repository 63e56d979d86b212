# The shell of the workflow's steps: the engine, whose checksum is known, and the project's packages first on PATH.
engine=$(python3 -m toolchain engine) || exit
PATH=$engine:$PWD/.venv/bin:$PATH exec bash --noprofile --norc -eo pipefail "$@"
