#!/usr/bin/env bash
# Train on this machine's GPU within --minutes (8), or try everything on a processor: --small.
# Needs torch and NumPy. FMNIST_DATA names the folder of Fashion-MNIST; results go to $OUT.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-$(command -v python3 || command -v python)}
export OUT=${OUT:-$root/artifacts/gpu/out} PYTHONUNBUFFERED=1
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
gpu=$root/benchmarks/gpu.py
for option in "$@"; do
    if [ "$option" = --small ]; then # twice, so that the second command resumes the first
        "$python" "$gpu" "$@" --fresh --stop-after 1
    fi
done
exec "$python" "$gpu" "$@"
