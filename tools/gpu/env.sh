# Sourced by the scripts beside it: finds the binary and the libtorch of python3's PyTorch.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TWIST=${TWIST:-$root/target/release/twist}
[ -x "$TWIST" ] || { echo "no binary at $TWIST: carry target/release/twist here, or set TWIST" >&2; exit 1; }
torch=$(python3 -c 'import os, torch; assert torch.__version__.startswith("2.11."), torch.__version__; print(os.path.dirname(torch.__file__))') \
    || { echo "python3 needs PyTorch 2.11 (CUDA 13)" >&2; exit 1; }
# It comes before the run path in the binary.
export LD_LIBRARY_PATH=$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
