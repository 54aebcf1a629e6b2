#!/usr/bin/env bash
# CIFAR-10 with the recipe cifar10_resnet18: cifar10.sh TRAIN TEST RUN [MAX_TIME]
# TRAIN and TEST are any DATA (tar shards, binary batches); a second call with the same RUN goes on.
source "$(dirname "$0")/env.sh"
[ $# -ge 3 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
exec "$TWIST" train "$1" --eval-data "$2" --out "$3" --recipe cifar10_resnet18 --device cuda --resume --max-time "${4:-9m}"
