#!/usr/bin/env bash
# Builds the container image: deploy/image.sh [TAG]
#
# BINARY        a static binary to pack instead of building one
# CA_BUNDLE     the certificate authorities (default: the machine's own)
# BUILDER       docker, podman or buildah (default: the first that works)
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${1:-spark-broker:dev}
target=$(uname -m)-unknown-linux-gnu
context=target/image
ca_bundle=${CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}

if [[ -z ${BINARY:-} ]]; then
    # Linked whole: the image has no C library.
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --target "$target" --bin spark-broker
    BINARY=target/$target/release/spark-broker
fi

mkdir -p "$context"
install -m 0755 "$BINARY" "$context/spark-broker"
install -m 0644 "$ca_bundle" "$context/ca-certificates.crt"

if [[ -z ${BUILDER:-} ]]; then
    for candidate in docker podman buildah; do
        # A docker client without its daemon is no builder.
        if "$candidate" info >/dev/null 2>&1; then
            BUILDER=$candidate
            break
        fi
    done
fi
# `--timestamp 0` makes the same digest of the same files; docker takes that from SOURCE_DATE_EPOCH.
case ${BUILDER:-none} in
    buildah) buildah bud --isolation chroot --timestamp 0 --file deploy/Dockerfile --tag "$tag" "$context" ;;
    podman) podman build --timestamp 0 --file deploy/Dockerfile --tag "$tag" "$context" ;;
    docker) SOURCE_DATE_EPOCH=0 docker build --file deploy/Dockerfile --tag "$tag" "$context" ;;
    none) echo "no working docker, podman or buildah found; the context is ready in $context" >&2; exit 69 ;;
    *) echo "unknown BUILDER $BUILDER: docker, podman or buildah" >&2; exit 2 ;;
esac
