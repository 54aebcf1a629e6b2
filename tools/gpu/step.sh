#!/usr/bin/env bash
# The training step beside PyTorch's, alternating: step.sh [PAIRS]
source "$(dirname "$0")/env.sh"
exec python3 "$root/tools/baselines/compare_step.py" --pairs "${1:-5}" --twist "$TWIST" --device cuda --compile
