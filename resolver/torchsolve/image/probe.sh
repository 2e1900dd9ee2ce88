# Finds a Python in the image, whichever there is, and lets it run the probe beside this file.
here=$(dirname "$0")
for python in "$VIRTUAL_ENV/bin/python" "$CONDA_PREFIX/bin/python" python3 python \
    /opt/venv/bin/python /venv/bin/python /app/.venv/bin/python /opt/conda/bin/python \
    /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python \
    /opt/*/bin/python3 /*/venv/bin/python /*/*/venv/bin/python /*/.venv/bin/python; do
    if command -v "$python" >/dev/null 2>&1; then
        exec "$python" "$here/probe.py"
    fi
done
exit 86
