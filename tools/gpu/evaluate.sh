#!/usr/bin/env bash
# What a finished run is worth: evaluate.sh RUN TRAIN TEST [FLAG…]
# k-NN, the fast linear protocol, and its classes beside k-means; one JSON object each, in RUN/evaluations.jsonl too.
source "$(dirname "$0")/env.sh"
[ $# -ge 3 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
for what in knn linear cluster; do
    "$TWIST" eval "$what" "$1" --train "$2" --test "$3" --device cuda --json "${@:4}"
done
