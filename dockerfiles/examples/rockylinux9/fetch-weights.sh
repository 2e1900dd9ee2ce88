#!/bin/sh
# Fetches the weights of cp312-cu128-torch2.9.1-rockylinux9. Made by torchsolve from pylock.toml.
#   ./fetch-weights.sh [FOLDER]      FOLDER is mounted as models/ (default: $MODELS_DIR, else ./models)
# Gated repositories need your own permission first, and then `hf auth login` or HF_TOKEN.
set -eu

models=${1:-${MODELS_DIR:-models}}
mkdir -p "$models"

fetch() { # PATH URL SHA256
    if [ -e "$models/$1" ]; then echo "have   $1"; return; fi
    echo "fetch  $1"
    mkdir -p "$(dirname "$models/$1")"
    curl --fail --location --retry 3 --continue-at - --output "$models/$1.part" "$2"
    if [ -n "$3" ] && ! echo "$3  $models/$1.part" | sha256sum --check --status; then
        echo "error: $1 has another sha256 than $3; delete $models/$1.part and try again" >&2
        exit 1
    fi
    mv "$models/$1.part" "$models/$1"
}

fetch mesh/ss_dec.safetensors \
    https://weights.example/mesh/ss_dec.safetensors 5e7175a8fb2cdb75a973885dc688f040f1be3c4fbb277f9a9bcdb37cf4c4ef39

if ! command -v hf >/dev/null 2>&1; then
    echo "error: hf is missing: pip install huggingface_hub" >&2
    exit 1
fi
# gated: ask for access at https://huggingface.co/facebook/dinov3-vitl16-pretrain-lvd1689m
hf download facebook/dinov3-vitl16-pretrain-lvd1689m --local-dir "$models/"facebook/dinov3-vitl16-pretrain-lvd1689m

# Not fetched:
#   models/checkpoints/{name}  (nodes.py:40): the node leaves the choice to you
