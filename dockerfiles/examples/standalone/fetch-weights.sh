#!/bin/sh
# Fetches the weights of cp312-cu128-torch2.9.1-ubuntu24.04. Made by torchsolve from pylock.toml.
#   ./fetch-weights.sh [FOLDER]      FOLDER is mounted as models/ (default: $MODELS_DIR, else ./models)
# Gated repositories need your own permission first, and then `hf auth login` or HF_TOKEN.
set -eu

root=${1:-${MODELS_DIR:-models}}
mkdir -p "$root"
failed=

endpoint=${HF_ENDPOINT:-https://huggingface.co}
token=${HF_TOKEN:-}
[ -n "$token" ] || token=$(cat /run/secrets/hf_token 2>/dev/null) \
    || token=$(cat "${HF_TOKEN_PATH:-${HF_HOME:-$HOME/.cache/huggingface}/token}" 2>/dev/null) || token=

# On curl's standard input: what stands in arguments, every user of the host can read.
# curl does not send it on to another host.
auth() { if [ -n "$token" ]; then printf 'header = "Authorization: Bearer %s"\n' "$token"; fi; }

holds() { # FILE CHECK
    case $2 in
        sha256:*) printf '%s  %s\n' "${2#*:}" "$1" | sha256sum --check --status ;;
        blob:*) [ "$({ printf 'blob %d\0' "$(wc -c < "$1")"; cat "$1"; } | sha1sum)" = "${2#*:}  -" ] ;;
    esac
}

hub() { # PATH CHECK REPOSITORY COMMIT FILE [MIRROR COMMIT]
    part=$root/$1.part
    if [ -e "$root/$1" ]; then echo "have   $1"; return; fi
    echo "fetch  $1"
    mkdir -p "$(dirname "$part")" || return 1
    if ! auth | curl --config - --fail --location --retry 3 --continue-at - --output "$part" \
        "$endpoint/$3/resolve/$4/$5" && ! whole "$2"; then
        [ $# -eq 7 ] || refused "$3" || return 1
        echo "       $3 refused; $6 has the same bytes" >&2
        curl --fail --location --retry 3 --continue-at - --output "$part" \
            "$endpoint/$6/resolve/$7/$5" || refused "$6" || return 1
    fi
    keep "$1" "$2"
}

url() { # PATH CHECK URL
    part=$root/$1.part
    if [ -e "$root/$1" ]; then echo "have   $1"; return; fi
    echo "fetch  $1"
    mkdir -p "$(dirname "$part")" || return 1
    curl --fail --location --retry 3 --continue-at - --output "$part" "$3" || whole "$2" || return 1
    keep "$1" "$2"
}

# A server has nothing to add to a part that was complete when an earlier run was stopped.
whole() { [ -n "$1" ] && [ -e "$part" ] && holds "$part" "$1"; } # CHECK

keep() { # PATH CHECK
    if [ -n "$2" ] && ! holds "$part" "$2"; then
        echo "error: $1 is not $2; delete $part and try again" >&2
        return 1
    fi
    mv "$part" "$root/$1"
}

refused() { # REPOSITORY
    echo "error: $1 was not given. Where it is gated, ask for access at $endpoint/$1" >&2
    echo "       and put your token in HF_TOKEN." >&2
    return 1
}

url mesh/ss_dec.safetensors sha256:5e7175a8fb2cdb75a973885dc688f040f1be3c4fbb277f9a9bcdb37cf4c4ef39 \
    https://weights.example/mesh/ss_dec.safetensors || failed=1

# What these hold was not known when the plan was made: the Hub's own tool fetches them.
if ! command -v hf >/dev/null 2>&1; then
    echo "error: hf is missing: pip install huggingface_hub" >&2
    exit 1
fi
# gated: ask for access at https://huggingface.co/facebook/dinov3-vitl16-pretrain-lvd1689m
hf download facebook/dinov3-vitl16-pretrain-lvd1689m --local-dir "$root/"facebook/dinov3-vitl16-pretrain-lvd1689m || failed=1

# Not fetched:
#   models/checkpoints/{name}  (nodes.py:40): the node leaves the choice to you

if [ -n "$failed" ]; then
    echo "error: not all was fetched, the errors above say what; run this again, what is there stays" >&2
    exit 1
fi
