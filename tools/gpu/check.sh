#!/usr/bin/env bash
# Does the GPU compute what the CPU computes?
source "$(dirname "$0")/env.sh"
"$TWIST" doctor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

train() { # NAME FLAGS…: two epochs of the demo's recipe, every step logged
    local name=$1
    shift
    "$TWIST" --quiet demo --epochs 2 --set train.log_every=1 --out "$work/$name" "$@"
}
train cpu --device cpu --precision fp32
train cuda --device cuda --precision fp32
train bf16 --device cuda --precision bf16

python3 - "$work" <<'PYTHON'
import json, sys
work = sys.argv[1]
def losses(name):
    events = map(json.loads, open(f"{work}/{name}/log.jsonl"))
    return [event["loss"] for event in events if event["event"] == "step"]
cpu, cuda, bf16 = losses("cpu"), losses("cuda"), losses("bf16")
assert len(cpu) == len(cuda) == len(bf16) >= 5, (len(cpu), len(cuda), len(bf16))
# Small differences grow from step to step, so only the first ones are compared closely.
for name, other, tolerance in [("fp32", cuda, 1e-3), ("bf16", bf16, 3e-2)]:
    worst = max(abs(a - b) / abs(a) for a, b in zip(cpu[:5], other[:5]))
    print(f"{name}: losses of the first 5 of {len(cpu)} steps differ by at most {worst:.1e} (allowed {tolerance:.0e})")
    assert worst <= tolerance, (name, cpu[:5], other[:5])
PYTHON
