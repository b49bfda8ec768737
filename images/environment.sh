#!/bin/sh
# Makes /opt/penstock/venv, a Python environment without pip, of the pinned requirements in /src/requirements.txt.
set -eu
venv=/opt/penstock/venv
constraints=/opt/penstock/constraints.txt # stays in the image, for those who add to it
requirements=/src/requirements.txt

install() {
  python3 -m pip --python $venv/bin/python install --no-compile -c $constraints "$@"
}

python3 -m venv --without-pip $venv
mv /src/constraints.txt $constraints
# torch goes first and by itself, so that no other requirement chooses its build.
if torch=$(grep '^torch==' $requirements); then
  install "$torch"
fi
install -r $requirements
# A type checker that Feast asks for, and the tests of the larger packages.
python3 -m pip --python $venv/bin/python uninstall --yes mypy ast_serialize librt
cd $venv/lib/python3*/site-packages
rm -rf onnx/backend/test pandas/tests pyarrow/tests torch/bin/*[Tt]est* torch/test
# Bytecode that is checked against nothing is read fastest, and nobody can write it later. torch has a file for another
# Python, which cannot be compiled.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash . || true
