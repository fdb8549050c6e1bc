#!/usr/bin/env bash
# Renders the chart and lets a real API server judge it, without making anything:
#
#   tests/delivery/dry-run.sh HELM [KUBECTL_ARGUMENT...]
#
# The namespace `spark-broker` must exist there.
set -euo pipefail
cd "$(dirname "$0")/../../deploy/chart"

helm=$1
shift
"$helm" template spark-broker spark-broker --namespace spark-broker --kube-version 1.36.3 |
    kubectl "$@" apply --namespace spark-broker --server-side --dry-run=server --validate=strict --filename -
