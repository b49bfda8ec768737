#!/bin/sh
# Puts the package in /src below /out, as it lies in /opt/penstock/venv, without what it needs.
set -eu
venv=/opt/penstock/venv
python3 -m venv --without-pip $venv # for the first line of the commands
PIP_CONSTRAINT=/src/constraints.txt python3 -m pip --python $venv/bin/python install \
  --no-deps --no-compile --root /out /src
python3 -m compileall -q --invalidation-mode unchecked-hash /out
