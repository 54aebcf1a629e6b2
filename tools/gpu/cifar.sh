#!/usr/bin/env bash
# CIFAR with a recipe that is made for a GPU: cifar.sh RECIPE TRAIN TEST RUN [MAX_TIME [FLAG…]]
# RECIPE: cifar10_resnet18, cifar10_multicrop or cifar100_multicrop. TRAIN and TEST are any DATA (tar shards, binary batches).
# A second call with the same RUN resumes it. To choose between settings, hold a shard of the training images out as TEST;
# the super-classes of CIFAR-100 are `--labels coarse`.
source "$(dirname "$0")/env.sh"
[ $# -ge 4 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
exec "$TWIST" train "$2" --eval-data "$3" --out "$4" --recipe "$1" --device cuda --resume --max-time "${5:-9m}" "${@:6}"
